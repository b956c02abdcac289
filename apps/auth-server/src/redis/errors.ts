import { errorsOf } from "@portcullis/protocol";

export const redisError = errorsOf({
  redis_unavailable: { status: 503, text: "Redis cannot be reached." },
  redis_feed_contested: {
    status: 500,
    text: "Another server writes another log to the same stream. Give each installation a redis.keyPrefix of its own.",
  },
});
