import { errorsOf } from "@portcullis/protocol";

export const redisError = errorsOf({
  redis_unavailable: { status: 503, text: "Redis cannot be reached." },
  sign_ins_unavailable: {
    status: 503,
    text: "Your sign-in cannot be continued right now. Nothing is lost; try again shortly.",
  },
  redis_feed_contested: {
    status: 500,
    text: "Another server is writing a different log to the same Redis stream. Give each installation its own redis.keyPrefix.",
  },
});
