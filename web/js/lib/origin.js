// Addresses that come from outside: from a link, from what a merchant wrote.

/** Return an address as the browser understands it where that is of our own origin, else null: `/\\host` is another's. */
export function ours(address) {
  const url = address && URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  return url?.origin === location.origin ? url.href : null;
}
