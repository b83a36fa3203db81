"""The industries that a marketing agency targets, and what their companies and people are called.

A pattern's ``{}`` parts: town, last (a surname), brand. ``label`` is what Apollo would call the industry.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Industry:
    """One industry: share of the directory, name patterns, owner's and staff's titles, and typical head count."""

    key: str
    label: str
    weight: float
    patterns: tuple[str, ...]
    keywords: tuple[str, ...]
    owners: tuple[str, ...]
    staff: tuple[str, ...]
    sizes: tuple[int, int]


_OFFICE = ("Office Manager", "Operations Manager", "Marketing Manager", "Business Development Manager")

INDUSTRIES: tuple[Industry, ...] = (
    Industry("dental", "medical practice", 0.10,
             ("{town} Dental", "{brand} Dental Care", "{town} Family Dentists", "{last} Dental Group", "{brand} Smiles"),
             ("dentistry", "implants", "orthodontics"), ("Principal Dentist", "Owner", "Practice Owner"),
             ("Practice Manager", "Senior Dentist", "Marketing Coordinator", "Front Office Manager"), (4, 38)),
    Industry("trades", "consumer services", 0.13,
             ("{last} Plumbing", "{town} Electrical", "{brand} Air Conditioning", "{brand} Roofing", "{last} & Sons Plumbing",
              "{town} Pest Control", "{brand} Solar"),
             ("plumbing", "electrical", "home services"), ("Owner", "Director", "Managing Director"),
             ("Operations Manager", "Office Manager", "Estimator", "Service Manager"), (2, 45)),
    Industry("law", "law practice", 0.09,
             ("{last} Lawyers", "{last} & {last2} Solicitors", "{town} Legal", "{brand} Family Law", "{last} Legal Group"),
             ("family law", "conveyancing", "wills and estates"), ("Principal", "Managing Partner", "Director"),
             ("Practice Manager", "Partner", "Head of Marketing", "Business Development Manager"), (3, 60)),
    Industry("builders", "construction", 0.10,
             ("{last} Homes", "{brand} Constructions", "{town} Builders", "{brand} Building Group", "{last} Projects"),
             ("custom homes", "renovations", "commercial fit-out"), ("Managing Director", "Director", "Founder"),
             ("Sales Manager", "Construction Manager", "Marketing Manager", "General Manager"), (5, 140)),
    Industry("gyms", "health, wellness & fitness", 0.07,
             ("{brand} Fitness", "{town} Strength Club", "{brand} Pilates", "{town} Health Club", "{brand} Barbell"),
             ("gym", "personal training", "pilates"), ("Owner", "Founder", "Director"),
             ("Club Manager", "Membership Manager", "Head Coach", "Marketing Manager"), (2, 32)),
    Industry("retail", "retail", 0.10,
             ("{brand} Furniture", "{town} Cycles", "{brand} Homewares", "{last} Jewellers", "{brand} Outdoors", "{town} Pets"),
             ("e-commerce", "retail", "homewares"), ("Founder", "Owner", "Chief Executive Officer"),
             ("E-commerce Manager", "Head of Marketing", "Store Manager", "Head of Digital"), (3, 180)),
    Industry("saas", "computer software", 0.08,
             ("{brand}stack", "{brand} Software", "{brand}ly", "{brand} Cloud", "{brand} Labs"),
             ("saas", "b2b software", "automation"), ("Founder & CEO", "Co-Founder", "Chief Executive Officer"),
             ("VP Marketing", "Head of Growth", "Chief Technology Officer", "Head of Sales", "Customer Success Manager"), (4, 160)),
    Industry("accountants", "accounting", 0.09,
             ("{last} Accounting", "{last} & Partners", "{town} Tax & Advisory", "{brand} Advisory", "{brand} Bookkeeping"),
             ("tax", "business advisory", "smsf"), ("Principal", "Managing Partner", "Director"),
             ("Practice Manager", "Senior Accountant", "Client Services Manager", "Partner"), (2, 55)),
    Industry("real_estate", "real estate", 0.07,
             ("{last} Property", "{town} Realty", "{brand} Estate Agents", "{last} & Co Real Estate"),
             ("property management", "residential sales"), ("Principal", "Director", "Licensee in Charge"),
             ("Sales Manager", "Property Manager", "Head of Property Management", *_OFFICE[2:3]), (4, 70)),
    Industry("hospitality", "hospitality", 0.05,
             ("The {brand} Hotel", "{brand} Catering", "{town} Function Centre", "{brand} Coffee Roasters"),
             ("events", "venue hire", "wholesale coffee"), ("Owner", "Managing Director", "Publican"),
             ("Venue Manager", "Events Manager", "Marketing Manager", "General Manager"), (6, 120)),
    Industry("physio", "hospital & health care", 0.05,
             ("{town} Physio", "{brand} Allied Health", "{brand} Chiropractic", "{town} Podiatry", "{brand} Psychology"),
             ("physiotherapy", "allied health", "ndis"), ("Clinic Director", "Principal Physiotherapist", "Owner"),
             ("Practice Manager", "Clinic Manager", "Senior Physiotherapist"), (2, 40)),
    Industry("manufacturing", "machinery", 0.04,
             ("{brand} Engineering", "{last} Fabrication", "{brand} Packaging", "{town} Joinery"),
             ("fabrication", "joinery", "industrial"), ("Managing Director", "General Manager", "Director"),
             ("Sales Manager", "Production Manager", "Marketing Manager", "Head of Operations"), (10, 240)),
    Industry("education", "education management", 0.02,
             ("{brand} College", "{town} Tutoring", "{brand} Training Academy"),
             ("rto", "tutoring", "training"), ("Principal", "Founder", "Chief Executive Officer"),
             ("Admissions Manager", "Head of Marketing", "Student Services Manager"), (5, 90)),
    Industry("agency", "marketing & advertising", 0.01,
             ("{brand} Digital", "{brand} Creative", "{last} Media"),
             ("digital marketing", "branding"), ("Founder", "Managing Director"),
             ("Account Director", "Head of Strategy", "Creative Director"), (3, 45)),
)  # fmt: skip
