/** All that is administered of users themselves: `/api/v1/users`. */
import type { DeclaredRoute } from "@portcullis/http-api";
import { createAndChangeRoutes, type UserRoutesOptions } from "./create-and-change.ts";
import { type DeletingUsersOptions, deleteRoute } from "./delete.ts";
import { disableAndEnableRoutes } from "./disable-and-enable.ts";
import { exportRoute } from "./export.ts";
import { type ImportOptions, importRoute } from "./import.ts";
import { type PasswordRoutesOptions, passwordRoutes } from "./password.ts";

export interface UsersRoutesOptions
  extends UserRoutesOptions,
    DeletingUsersOptions,
    PasswordRoutesOptions,
    ImportOptions {}

export const usersRoutes = (options: UsersRoutesOptions): readonly DeclaredRoute[] => [
  ...createAndChangeRoutes(options),
  importRoute(options),
  exportRoute(options),
  deleteRoute(options),
  ...disableAndEnableRoutes(options),
  ...passwordRoutes(options),
];
