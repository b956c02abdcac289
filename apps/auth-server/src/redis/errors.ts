import { errorsOf } from "@portcullis/protocol";

export const redisError = errorsOf({
  redis_unavailable: { status: 503, text: "Redis cannot be reached." },
  sign_ins_unavailable: {
    status: 503,
    text: "Sign-ins that were begun cannot be looked up at the moment. Nothing is lost; try again shortly.",
  },
  redis_feed_contested: {
    status: 500,
    text: "Another server writes another log to the same stream. Give each installation a redis.keyPrefix of its own.",
  },
});
