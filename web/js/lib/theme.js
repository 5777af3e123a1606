// Light, dark, or as the device says.

const KEPT = "souk.theme";

export const theme = () => localStorage.getItem(KEPT) ?? "auto";

export function chooseTheme(chosen) {
  localStorage.setItem(KEPT, chosen);
  applyTheme(chosen);
}

export function applyTheme(chosen = theme()) {
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}
