"""The sentences that code says in English."""

from agents.spoken.language import Waits

PHRASES: dict[str, str] = {
    "hello": "Hello! What can I do for you?",
    "shall i": "Shall I {wants}?",
    "machine": "I am an automatic assistant, not a person.",
    "no more": "All right. Goodbye!",
    "goodbye": "You're welcome. Goodbye!",
    "thanks": "You're welcome. Anything else?",
    "more": "Is there anything else I can do for you?",
    "missed": "Sorry, I did not catch that.",
    "open": "What can I do for you?",
    "dropped": "All right, I will leave that.",
    "nothing to stop": "All right.",
    "clear": "Sorry, I need a clear yes or no.",
    "confirm": "Just to confirm, {details}. Shall I {wants}?",
    "confirm bare": "Just to confirm: shall I {wants}?",
    "done": "Done.",
    "give up": "I'm sorry, I could not get that. Let us leave it for now.",
    "without": "I'm sorry, I can't go on without it.",
    "refused": "I'm sorry, {why}.",
    "options": "It could be {options}.",
    "failed": "I'm sorry, something went wrong on our side, and I can't say that it is done.",
    "failed reading": "I'm sorry, I can't get at that right now.",
    "slow": "I'm sorry, this is taking too long, and I can't tell yet whether it went through.",
    "slow reading": "I'm sorry, the system is too slow right now. Please try again in a moment.",
    "unknown": "I'm sorry, I don't have that information.",
    "unsure": "sorry, I am not sure about that.",
    "correction": "let me put it this way.",
    "still there": "Are you still there?",
    "nobody": "I can't hear you any more, so I will hang up now. Goodbye!",
    "voice lost": "I'm sorry, my voice failed me. Could you say that again?",
    "engine": "I'm sorry, I have trouble thinking right now. Could you say that again?",
    "too long": "I'm sorry, this is more than I can do at once. Could you ask one thing at a time?",
}

WAITS = Waits(
    first=("One moment.", "Let me see.", "Just a second."),
    more=("I am still looking into it.", "Thank you for waiting.", "This takes a little longer."),
)
