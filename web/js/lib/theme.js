// Light, dark, or as the device says.

const KEPT = "souk.theme";

export const theme = () => localStorage.getItem(KEPT) ?? "auto";

export function applyTheme(chosen = theme()) {
  localStorage.setItem(KEPT, chosen);
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}
