/** Leads on though a frame of another server hangs. The page leads on by itself, without a script, as soon as all have loaded. */
const way = document.querySelector("main a");
setTimeout(() => location.replace(way.href), 5000);
