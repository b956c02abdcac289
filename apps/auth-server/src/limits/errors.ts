import { errorsOf } from "@portcullis/protocol";

export const limitError = errorsOf({
  too_many_sign_ins: {
    status: 429,
    text: "Too many sign-ins were started from your network address. Wait a minute, then go back to the app and start again.",
  },
  request_too_large: {
    status: 414,
    text: "The app sent more with its request than this server accepts. The app must send less.",
  },
  too_many_session_streams: {
    status: 429,
    text: "Too many streams of session events are open: of this session, of this app, or from your network address. Close some.",
  },
  session_streams_full: {
    status: 429,
    text: "This server has as many streams of session events open as it may. Try again in a minute.",
  },
  too_many_requests: {
    status: 429,
    text: "Too many requests of this kind came from your network address. Wait a minute, then try again.",
  },
});
