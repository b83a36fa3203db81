"""What people write, in Australian English, by kind. ``{}`` parts are filled by ``letters``.

Written by hand to be as varied as real inboxes: polite, curt, rambling, misspelt.
"""

from __future__ import annotations

GREETINGS: tuple[str, ...] = (
    "Hi {sender},", "Hi {sender}", "Hello {sender},", "Hey {sender},", "Hi there,", "G'day {sender},", "{sender},",
    "Good morning {sender},", "Hi mate,", "Dear {sender},",
)  # fmt: skip
CLOSINGS: tuple[str, ...] = (
    "Cheers,", "Thanks,", "Kind regards,", "Regards,", "Many thanks,", "Best,", "Warm regards,", "Ta,", "Cheers",
)  # fmt: skip

WORDING: dict[str, tuple[str, ...]] = {
    "interested": (
        "Thanks for reaching out. Happy to have a chat, can you send through some times?",
        "Good timing, we've actually been talking about this. Send me your calendar link and I'll pick a slot.",
        "Yep keen to hear more. What does next week look like?",
        "This sounds interesting. Can we jump on a quick call Thursday or Friday?",
        "Sure, let's talk. Mornings are best for me.",
        "We've been burnt by an agency before but I'm open to a conversation. When suits?",
        "I'd be interested in learning more about how this would work for {company}. Could we set up a meeting?",
        "Happy to have a look. Give me a bell on {phone} or send a time through.",
        "Sounds good, book me in. Any arvo after 2 works.",
        "Yes please, would love to see what you'd do for us in {city}.",
        "ok you've got my attention. 15 minutes, send me a link",
        "Interested. Can you shoot me a calendar invite for early next week?",
        "Thanks, this is something we want to sort out before the end of the quarter. Let's find a time.",
        "Yeah no worries, keen for a chat. Whats your availability like?",
    ),
    "question": (
        "Can you tell me what this would cost roughly before we go any further?",
        "What sort of results have you had with businesses like ours in {city}?",
        "Is there a lock-in contract? We got stung with that last time.",
        "How is this different to what our current agency does?",
        "Do you work with anyone else in our area? Wouldn't want you doing the same for a competitor.",
        "Quick question, do you do this in house or is it outsourced overseas?",
        "What would you need from us to get started? We're flat out at the moment.",
        "Roughly what's the monthly fee for a business our size?",
        "Could you send some more info through? Not sure I follow what you actually do.",
        "How did you get my email, and what exactly are you offering?",
        "Have you got a case study you could send me?",
        "Does that include the ad spend or is that on top?",
    ),
    "not_interested": (
        "Thanks but we're all good at the moment.",
        "Not for us, thanks.",
        "Appreciate you getting in touch but we already have an agency looking after this.",
        "No thank you.",
        "We do all of our marketing in house so this isn't something we need. All the best with it.",
        "Thanks for the email, it's not a fit for {company}.",
        "Not interested, cheers.",
        "I'll pass on this one thanks mate.",
        "We're happy with our current provider.",
        "Thanks for thinking of us. We get all our work from word of mouth and don't have capacity for more.",
        "nah we're right thanks",
        "Hi, we won't be going ahead with anything like this. Thanks anyway.",
    ),
    "not_now": (
        "Not the right time for us, maybe try me again in the new year.",
        "We've just signed up with someone for six months. Happy for you to check back in after that.",
        "Flat out until the end of the financial year. Could you touch base in a few months?",
        "Bad timing sorry, we're mid way through a move. Circle back next quarter.",
        "Budget's locked for now. Drop me a line around February.",
    ),
    "opt_out": (
        "Please remove me from your list.",
        "Unsubscribe",
        "unsubscribe please",
        "Take me off your mailing list thanks.",
        "Please don't email me again.",
        "Can you please remove my details from your database.",
        "STOP",
        "I did not sign up for this. Please stop emailing me.",
        "Remove",
        "Please unsubscribe this address, thank you.",
        "Not interested, please take me off the list.",
        "This is spam. Do not contact me or anyone at {company} again.",
        "Kindly remove {mailbox} and this address from your marketing.",
    ),
    "wrong_person": (
        "You've got the wrong person, I don't look after marketing. You'd be best to email {mailbox}.",
        "I think you want {colleague}, I'm not across this side of things.",
        "I'm not the right contact for this sorry.",
        "I no longer work in this area. Try the office on {phone}.",
        "Wrong {first}! I only do the books here.",
    ),
    "forwarded": (
        "I've passed this on to {colleague} who handles our marketing. They'll be in touch if it's of interest.",
        "Forwarding to {colleague}, who looks after this for us.",
        "Thanks, have flicked this over to {colleague} for a look.",
        "Cc'ing {colleague} who can help with this one.",
    ),
    "out_of_office": (
        "Thank you for your email. I am currently on annual leave and will be back in the office on {back}.\n\n"
        "For anything urgent please contact {mailbox}.",
        "Hi,\n\nI'm out of the office with limited access to email, returning {back}. If it's urgent please call the"
        " office on {phone}.\n\n{first}",
        "Thanks for your message. I'm away until {back} and will reply when I return.",
        "I am on leave, returning on {back_short}. Please contact {colleague} on {phone} in my absence.",
        "G'day, I'm off camping with the family and out of range. Back on deck {back}.\n\nCheers\n{first}",
        "I will be out of the office attending a conference and will return on {back}. Response times may be slower"
        " than usual.",
        "Our office is closed for a short break and reopens {back}. We will get back to you as soon as possible after"
        " that date.",
    ),
}
