"""Australian states with their zones, area codes and towns, and the numbers that ACMA reserves for fiction."""

from __future__ import annotations

STATE_ZONES: dict[str, str] = {
    "NSW": "Australia/Sydney",
    "VIC": "Australia/Melbourne",
    "QLD": "Australia/Brisbane",
    "WA": "Australia/Perth",
    "SA": "Australia/Adelaide",
    "TAS": "Australia/Hobart",
    "ACT": "Australia/Sydney",
    "NT": "Australia/Darwin",
}
STATE_NAMES: dict[str, str] = {
    "NSW": "New South Wales",
    "VIC": "Victoria",
    "QLD": "Queensland",
    "WA": "Western Australia",
    "SA": "South Australia",
    "TAS": "Tasmania",
    "ACT": "Australian Capital Territory",
    "NT": "Northern Territory",
}
STATE_WEIGHTS: tuple[tuple[str, float], ...] = (
    ("NSW", 0.31), ("VIC", 0.26), ("QLD", 0.21), ("WA", 0.10), ("SA", 0.065), ("TAS", 0.022), ("ACT", 0.018), ("NT", 0.015),
)  # fmt: skip
AREA_CODES: dict[str, str] = {
    "NSW": "02", "ACT": "02", "VIC": "03", "TAS": "03", "QLD": "07", "WA": "08", "SA": "08", "NT": "08",
}  # fmt: skip
TOWNS: dict[str, tuple[str, ...]] = {
    "NSW": ("Sydney", "Parramatta", "Newcastle", "Wollongong", "Penrith", "Manly", "Chatswood", "Bondi Junction",
            "Gosford", "Wagga Wagga", "Albury", "Tamworth", "Coffs Harbour", "Orange", "Dubbo", "Byron Bay"),
    "VIC": ("Melbourne", "Geelong", "Ballarat", "Bendigo", "Richmond", "Footscray", "Box Hill", "Dandenong",
            "Frankston", "Shepparton", "Mornington", "Werribee", "Brunswick", "Traralgon"),
    "QLD": ("Brisbane", "Gold Coast", "Sunshine Coast", "Townsville", "Cairns", "Toowoomba", "Ipswich", "Mackay",
            "Rockhampton", "Noosa", "Fortitude Valley", "Southport"),
    "WA": ("Perth", "Fremantle", "Joondalup", "Bunbury", "Mandurah", "Subiaco", "Geraldton", "Rockingham"),
    "SA": ("Adelaide", "Glenelg", "Norwood", "Mount Barker", "Mount Gambier", "Port Adelaide", "Victor Harbor"),
    "TAS": ("Hobart", "Launceston", "Devonport", "Burnie"),
    "ACT": ("Canberra", "Belconnen", "Fyshwick", "Braddon"),
    "NT": ("Darwin", "Palmerston", "Alice Springs"),
}  # fmt: skip
POSTCODE_BASE: dict[str, int] = {
    "NSW": 2000, "ACT": 2600, "VIC": 3000, "QLD": 4000, "SA": 5000, "WA": 6000, "TAS": 7000, "NT": 800,
}  # fmt: skip

# ACMA, "Phone numbers for use in TV shows, films and creative works".
FICTIONAL_MOBILES: tuple[str, ...] = tuple(
    "0491" + tail
    for tail in (
        "570006", "570156", "570157", "570158", "570159", "570110", "570313", "570737", "571266", "571491", "571804",
        "572549", "572665", "572983", "573770", "573087", "574118", "574632", "575254", "575789", "576398", "576801",
        "577426", "577644", "578957", "578148", "578888", "579212", "579760", "579455",
    )
)  # fmt: skip
FICTIONAL_FIXED_PREFIXES: tuple[str, ...] = ("5550", "7010")


def fixed_number(state: str, ordinal: int) -> str:
    """A fictional fixed line of the state, ten digits; ``ordinal`` from 0 to 19,999 picks it."""
    prefix = FICTIONAL_FIXED_PREFIXES[ordinal // 10_000 % 2]
    return f"{AREA_CODES[state]}{prefix}{ordinal % 10_000:04d}"
