// Runs before the first paint, so that a chosen theme does not flash in the other one's colours.
(() => {
  try {
    const theme = localStorage.getItem("pollard.theme");
    if (theme === "light" || theme === "dark") {
      document.documentElement.dataset.theme = theme;
    }
  } catch {
    // Storage is closed to this page: the system's theme it is.
  }
})();

// A module that did not come, because the gateway went while the page loaded, would leave an empty page for ever.
setTimeout(() => {
  if (!document.querySelector("#app").hasChildNodes()) {
    location.reload();
  }
}, 15_000);
