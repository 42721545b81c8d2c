// Hides what does not hold the words that are typed.
const search = document.getElementById("search");
const found = document.getElementById("found");
const entries = [...document.querySelectorAll("[data-name]")];

function narrow() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const entry of entries) {
    const text = entry.dataset.name + " " + entry.textContent.toLowerCase();
    entry.hidden = !words.every((word) => text.includes(word));
    count += entry.hidden ? 0 : 1;
  }
  for (const group of document.querySelectorAll(".slice, section")) {
    group.hidden = !group.querySelector("[data-name]:not([hidden])");
  }
  found.textContent = words.length ? (count === 1 ? "1 found" : `${count} found`) : "";
}

search.addEventListener("input", narrow);
narrow();
