// Follows the log of a run that is running. Everything else works without a script.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const most = 5000;
  const source = new EventSource(live.dataset.events);
  const add = (event) => {
    const place = document.getElementById("log-" + event.type);
    const below = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
    for (const line of JSON.parse(event.data)) {
      place.append(document.createTextNode(line + "\n"));
    }
    while (place.childNodes.length > most) place.firstChild.remove();
    if (below) place.scrollTop = place.scrollHeight;
  };
  source.addEventListener("stdout", add);
  source.addEventListener("stderr", add);
  source.addEventListener("end", () => {
    source.close();
    live.textContent = "The run has ended. ";
    const again = document.createElement("a");
    again.href = location.pathname;
    again.textContent = "Show its record";
    live.append(again);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) live.textContent = "The log is no longer followed.";
  });
})();
