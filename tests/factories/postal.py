"""Postcards and letters between fictional people at addresses of the United States."""

from __future__ import annotations

from dataclasses import replace

from agency_os.integrations.postal_provider import Letter, MailUse, PostalAddress, Postcard

HARRY = PostalAddress("210 King St", "San Francisco", "CA", "94107", name="Harry Zhang", line2="Ste 6100")
SENDER = PostalAddress("185 Berry St", "San Francisco", "CA", "94107-1728", company="Agency")
CARD = Postcard(
    HARRY, "<html>Front</html>", "<html>Back</html>", MailUse.MARKETING, SENDER, metadata={"touch": "t-1"}
)  # fmt: skip
LETTER = Letter(HARRY, SENDER, "<html>Dear {{name}}</html>", MailUse.OPERATIONAL, merge_variables={"name": "Harry"})
BARE = Postcard(replace(HARRY, line2=None, name=None, company="Lob"), "tmpl_1a", "tmpl_2b", MailUse.MARKETING)
