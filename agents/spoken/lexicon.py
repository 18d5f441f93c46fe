"""The word lists of a language, which are a module of its pack (agents/spoken/en/lexicon.py).

They are lists, because a model's yes is no consent.
"""

import re
from typing import Protocol

Words = frozenset[str]


class Lexicon(Protocol):
    YES: re.Pattern[str]
    NO: re.Pattern[str]
    PERSON: re.Pattern[str]  # "let me speak to a person"
    ANGRY: re.Pattern[str]
    MORE: re.Pattern[str]  # other choices are wanted
    LAST: Words  # the last of several
    BEFORE_YES: Words  # what may stand before a yes
    WEAK_YES: Words  # with a goodbye they end the call
    STOPS: re.Pattern[str]  # the task is given up
    UNKNOWN: re.Pattern[str]  # "I don't know"
    QUESTION: re.Pattern[str]
    CORRECTS: re.Pattern[str]  # "sorry, I mean …"
    NAME: re.Pattern[str]  # a cue and, as its only group that matched, the words after it
    NAME_ENDS: re.Pattern[str]  # what follows a name and is none of it
    CLAIM: re.Pattern[str]  # how a model claims to have acted, or to be about to
    DONE: str  # a participle that completes a claim ("booked")
    REPORT: re.Pattern[str]  # what became of something; its only group is the participle
    HUMAN: re.Pattern[str]  # the speaker says to be a person
    WHO_SPEAKS: re.Pattern[str]  # "are you a real person?"
    DENIAL: re.Pattern[str]  # something is not so or not known
    TWO_REQUESTS: re.Pattern[str]  # the word between two requests
    JOINS: Words  # words between two requests: "and", "please"
    LIMITS: Words  # beside DENIAL, what makes a fact a no: "only"
    REPEAT: re.Pattern[str]  # "sorry, what was that?", the whole line
    FILLERS: Words  # they carry no value of their own
    TRAILING: Words  # no value ends with them
    ADDRESS_FILLERS: Words  # no address begins with them
    ARTICLES: Words  # number words that are mostly none ("a", "una")
    COUNTED: Words  # what makes an article a number after all ("persona")
    NOT_COUNTED: Words  # after a number: it is a time
    PAIRS: frozenset[tuple[str, str]]  # two words that are the number two ("couple of")
    NEGATES: Words  # the value after it is ruled out
    MINE: Words
    LISTENS: Words  # what a listener says while somebody speaks, so as not to interrupt
    LISTENS_BESIDE: Words  # what may come with it
    LISTENS_WHOLE: Words  # whole lines of the kind ("I see")
    CALLS: Words  # short words that must never be taken for a hum
    GREETING: Words  # a line of nothing but these is a greeting
    CLOSING: Words  # … is a goodbye, thanks or "that's all", by its cues:
    GOODBYE_CUES: Words
    THANKS_CUES: Words
    NO_MORE_CUES: Words
    OFFERS: Words  # first words of a question that offers something
    COMMON: Words  # they do not show what a sentence is about
