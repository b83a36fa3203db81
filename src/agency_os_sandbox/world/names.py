"""Name pools of the fictional people: what one meets in an Australian office."""

from __future__ import annotations


def _names(text: str) -> tuple[str, ...]:
    """Names are parted by blanks; a blank within one is written as ``_``."""
    return tuple(name.replace("_", " ") for name in text.split())


FIRST_NAMES = _names(
    """
    Olivia Charlotte Amelia Isla Mia Ava Grace Chloe Zoe Ruby Matilda Sophie Emily Lucy Hannah Georgia Jessica
    Sarah Rebecca Megan Kylie Nicole Michelle Karen Sharon Tracey Fiona Leanne Danielle Melissa Natasha Bianca
    Tahlia Brooke Priya Anjali Neha Deepika Mei Jing Linh Thuy Yuki Hana Soo-jin Aisha Fatima Leila Zahra Elena
    Sofia Francesca Maria Eleni Despina Katerina Ngaire Aroha Kirra Jedda Siobhan Niamh Ingrid Astrid Renee
    Simone Camille Bronwyn Gwen Jack Oliver William Noah Thomas James Henry Lachlan Liam Ethan Cooper Hamish
    Angus Callum Flynn Xavier Patrick Daniel Matthew Andrew Michael David Peter Stephen Mark Craig Shane Wayne
    Darren Scott Brett Glenn Troy Jason Luke Nathan Joel Mitchell Jarrod Tyson Rohan Arjun Vikram Sanjay Ravi
    Wei Jun Minh Duc Hiroshi Kenji Omar Yusuf Ahmed Tariq Marco Giovanni Antonio Luca Dimitri Nikos Stavros
    Milan Goran Tane Wiremu Jarrah Declan Ronan Lars Sven Pierre
    """
)

LAST_NAMES = _names(
    """
    Smith Jones Williams Brown Wilson Taylor Johnson White Martin Anderson Thompson Walker Harris Ryan Robinson
    Kelly King Davis Wright Evans Roberts Green Hall Wood Jackson Clarke Scott Murphy Mitchell Campbell Edwards
    Cooper Turner Nguyen Tran Le Pham Lee Kim Park Chen Wang Li Zhang Liu Wong Chan Singh Kaur Patel Sharma
    Gupta Kumar Reddy Iyer Papadopoulos Georgiou Nikolaidis Rossi Russo Esposito Romano Ferrari Costa Silva
    Santos Garcia Fernandez Khan Ahmed Hussain Haddad Khoury Nasser Kovac Horvat Novak Petrovic Schmidt Muller
    Fischer Jansen Dubois Laurent O'Brien O'Connor O'Sullivan McDonald McGregor MacKenzie Fraser Stewart
    Henderson Sinclair Doyle Gallagher Byrne Fitzgerald Carmody Tregenza Pascoe Nankivell Lockyer Bracken
    Whitfield Ashworth Barlow Hargreaves Pemberton Redfern Sedgwick Thornbury Wentworth Yarrow Fairweather
    Blackwood Hawthorne Kingsley Radcliffe Somerville Winterbourne Beaumont Tamihana Ngata Parata Burrumarra
    Marika Wells-Green Di_Pietro van_der_Berg De_Luca El-Masri
    """
)

STREETS = _names(
    """
    High_Street Station_Street Church_Street Victoria_Road King_Street Railway_Parade Park_Road George_Street
    Bridge_Road Ocean_Parade Pacific_Highway Commercial_Road Mill_Lane Wattle_Street Banksia_Avenue
    Jacaranda_Drive Industrial_Drive Enterprise_Court Harbour_Street Princes_Highway
    """
)

BRANDS = _names(
    """
    Wattle Banksia Kookaburra Southern Coastal Harbour Summit Bluegum Ironbark Acacia Boronia Saltbush Redgum
    Currawong Lorikeet Magpie Wombat Platypus Pelican Jacaranda Waratah Stringybark Mulga Spinifex Billabong
    Riverbend Headland Lighthouse Northside Eastgate Westbank Hilltop Bayside Parkview Crossroads Compass Anchor
    Keystone Beacon Horizon Pinnacle Meridian Cornerstone Evergreen Silverline Brightwater Stonebridge
    Kingfisher Firefly Sundial Trident Orbit Copper Granite Basalt Quartz Opal Sapphire Amber Cedar Juniper
    Sable Falcon Osprey Heron Swift Bright True Clear
    """
)
