// A page that can only wait: it asks again quietly, and is loaded anew only once there is another one to show.

const main = document.querySelector("[data-again]");

async function look() {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.querySelector("main")?.dataset.state !== main.dataset.state) return location.reload();
  } catch {
    // Not reachable: the next try may be.
  }
  wait();
}

// Never in the same moment as everybody else.
const wait = () => setTimeout(look, Number(main.dataset.again) * 1000 * (1 + Math.random() / 2));

if (main) wait();
