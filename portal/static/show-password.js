// Gives each password a button that shows it. Without this everything works as well.
for (const field of document.querySelectorAll("[data-show]")) {
  const input = field.querySelector("input"), button = document.createElement("button");
  const turn = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? field.dataset.hide : field.dataset.show;
    button.setAttribute("aria-label", `${button.textContent}: ${field.querySelector("label").textContent}`);
  };
  button.type = "button";
  button.className = "plain show";
  button.addEventListener("click", () => turn(input.type === "password"));
  input.form.addEventListener("submit", () => turn(false));
  turn(false);
  input.after(button);
}
