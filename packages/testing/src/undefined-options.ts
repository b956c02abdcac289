/**
 * Every option that can be left out, there and undefined: what a caller gives who passes on what nobody gave him. As a
 * type, so that an option that is added later must be added to the test too.
 */
export type UndefinedOptions<Options> = {
  readonly [Name in keyof Options as object extends Pick<Options, Name> ? Name : never]-?: undefined;
};
