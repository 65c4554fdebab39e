// What every page gets when scripts run; nothing here is needed to use a page.

// Copy buttons appear where there is a clipboard.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button.copy[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    });
  }
}

// A form is sent once: the server would take a second click for the first one, and the reader should see that.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button:not([type=button])")) {
      button.setAttribute("aria-disabled", "true");
      button.classList.add("sending");
    }
  });
}

// After a refusal the reader starts at what went wrong.
document.getElementById("problem")?.focus();
