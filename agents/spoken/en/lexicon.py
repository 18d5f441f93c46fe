"""English word lists: consent, refusals, fillers, claims. Found on the conversations of
agents' tests; they are lists, because a model's yes is no consent."""

import re

YES = re.compile(
    r"\b(yes|yeah|yep|yup|sure|ok|okay|correct|right|exactly|absolutely|definitely|go ahead|do it|"
    r"do that|please do|sounds good|of course|confirmed?)\b"
)
NO = re.compile(
    r"\b(no|nope|nah|not|don't|dont|wait|hold on|stop|never|keep it|cancel that|instead|actually|"
    r"but|rather|wrong|isn't|incorrect)\b"
)
STOPS = re.compile(
    r"\b(forget (it|about it|that)|never ?mind|leave it|don't bother|changed my mind|"
    r"(keep|leave) (it|them|that|this|everything)|call back later|cancel that|stop that)\b"
)
UNKNOWN = re.compile(
    r"\b((don'?t|do not|can'?t) (know|have|remember|find|recall)|no idea|not sure|forgot|lost it)\b"
)
QUESTION = re.compile(
    r"\b(what|what's|when|when's|where|where's|how|how's|who|why|which|do you|are you|can i|"
    r"is there|are there|does|did|is it|tell me|could you|can you|have you|will you|do i)\b"
)
PERSON = re.compile(
    r"\b(speak|talk|put me through|connect me|get me|transfer me|want|give me|pass me)\b[a-z' ]*"
    r"\b(person|human|human being|somebody real|someone real|operator|representative|real agent|"
    r"live agent|colleague|manager|supervisor|member of staff)\b|^(operator|representative|human)$"
)
ANGRY = re.compile(
    r"\b(fuck\w*|bullshit|damn (it|you)|goddamn|(you are|you're|this is) (so |absolutely |really )?"
    r"(useless|ridiculous|a joke|stupid|terrible|unacceptable|outrageous)|sick of (this|you)|"
    r"fed up|waste of time|(i will|i'll) (sue|complain)|stupid (machine|robot|bot|thing))\b"
)
MORE = re.compile(
    r"\b(more|others?|else|another|next|go on|read on|later|earlier|different|none|neither)\b"
)
CORRECTS = re.compile(r"\b(sorry|no|wait|mean|meant|actually|rather|instead|make it)\b")
NAME = re.compile(
    r"(?:name is|name's|this is|under the name(?: of)?) ((?:[a-z'-]+ ?){1,4})"
    r"|^(?:hi |hello |hey )?([a-z]+ [a-z]+) here\b"
)
NAME_ENDS = re.compile(
    r" (?:and|born|i|i'm|my|from|calling|here|the|for|with|on|at|please|phone|number|email)\b"
)
_DONE = (
    "booked|cancell?ed|moved|refunded|changed|ordered|reserved|filed|sent|scheduled|connected|"
    "transferred|updated|placed|started|confirmed|processed|created|registered|submitted|arranged|"
    "closed|opened|deleted|erased|paid|ended|issued|done|returned|shipped|delivered|taken care"
)
# How a model claims to have acted, or to be about to; code says such sentences, after the act.
CLAIM = re.compile(
    rf"\b((i|we)( have|'ve| had| now| just| already)* ({_DONE}|(?!need)\w+ed)\b|"
    r"(i|we)( will|'ll| am going to|'m going to) (?!need\b|have to\b|be (happy|glad)\b)\w+)",
    re.IGNORECASE,
)
# What became of something: true where a tool said so, else a guess that sounds like knowledge
# ("The order was shipped to the United States and Canada").
REPORT = re.compile(
    rf"\b(?:(?:has|have) been|(?:your|the|this|that) [a-z ]{{1,30}}\b(?:is|was|were))"
    rf"(?: now| just| already)* ({_DONE})\b",
    re.IGNORECASE,
)
_BEING = "(person|human|human being|man|woman|robot|bot|machine|computer|ai|recording)"
# The measured 1.5B answers "Yes, you are talking to a human", whatever its facts say.
WHO_SPEAKS = re.compile(
    rf"\bare you (really )?(a |an )?(real |actual )?{_BEING}\b|"
    rf"\b(am i|i'm) (talking|speaking) (to|with) (a |an )?(real |actual )?{_BEING}\b|"
    rf"\bis this (a |an )?(real |actual )?{_BEING}\b"
)
HUMAN = re.compile(
    r"\b(i am|i'm|talking to|speaking (to|with)) (a |an )?(real |actual )?(person|human)\b",
    re.IGNORECASE,
)
DENIAL = re.compile(r"\b(not|don't|doesn't|sorry|cannot|can't|no|unfortunately)\b", re.IGNORECASE)
DONE: str = "booked"
TWO_REQUESTS = re.compile(
    r"\b(?:and|also|then|but)(?= (?:also |please )?(?:i'd|i want|i need|i would|can|could|what|"
    r"what's|how|do you|does|when|where|where's|are you|is there|please|cancel)\b)"
)
REPEAT = re.compile(
    r"(?:sorry |i'm sorry |excuse me )?(?:pardon(?: me)?|what(?: was that| did you say)?|"
    r"say (?:that|it) again|repeat that|come again|"
    r"(?:can|could) you (?:please )?(?:repeat|say) that(?: again)?|"
    r"i (?:didn't|did not) (?:catch|hear|get) that)(?: please)?"
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


JOINS = _set("and also then but plus please")
LIMITS = _set("only never nobody none without except unless closed isn't aren't won't")
FILLERS = _set(
    "uh um er hmm oh ah well so like it it's its is the a an my and to please that's that this i "
    "i'm am we we'd i'd i'll would be of for on at in with by name number phone address email mail "
    "order called under you yes yeah ok okay sure alright then good great fine one here there just "
    "think actually sorry no not make was can could are let's take works instead rather date day "
    "time mean meant about maybe hi hello hey there's got get me your from"
)
# What a listener says while somebody speaks, so as not to interrupt.
LISTENS = _set(
    "mm mmm mhm hm hmm hmmm mhmm uh huh uhhuh um umm ah aha oh oic ooh ok okay yeah yea yah ya yes "
    "yep yup right sure fine good great nice cool alright wow really exactly indeed interesting "
    "perfect lovely"
)
# What tiny.en also reads where somebody hums, and the small words that come with an "okay"
LISTENS_BESIDE = _set(
    "m h i i'm see say guess got god it that's that is it's the a all of course so well go on very "
    "and amen"
)
LISTENS_WHOLE: frozenset[str] = frozenset(
    (
        "i see",
        "got it",
        "god it",
        "got it got it",
        "i'm",
        "go on",
        "all right",
        "of course",
        "m h m",
        "you",
    )
)
# Words that are hardly ever taken for a hum, however unclear they came
CALLS = _set(
    "stop wait no not now hold hang hello hey sorry what who why where when how pardon excuse "
    "repeat enough cancel actually thanks thank bye goodbye"
)
GREETING = _set("hi hello hey good morning evening afternoon there")
GOODBYE_CUES = _set("bye goodbye")
THANKS_CUES = _set("thanks thank cheers")
NO_MORE_CUES = _set("no nope nothing all everything")
CLOSING = _set(
    "thanks thank you bye goodbye that's that all is it was everything great ok okay no nope "
    "nothing else good perfect have a nice day so much very then well oh cheers see ya for your "
    "help the alright and i need lot evening lovely really now"
)
# What may stand before a yes: "um, that's right", "well then yes".
BEFORE_YES = _set(
    "uh um er hmm hm oh ah well so and then please that that's this it it's i i'm all let's thanks "
    "great perfect"
)
WEAK_YES = _set("ok okay right sure correct")  # with a goodbye they end the call
ADDRESS_FILLERS = _set("uh um to it's the is")
TRAILING = _set("please here uh um thanks thank you")
# Words too common to show that an answer rests on a fact.
COMMON = _set(
    "what when where how who why which do does did are is can could will would have has had you "
    "your yours there here this that these those with from about into some any much many long take "
    "takes tell know want need like please they them their they're it's then than also just only "
    "more most order orders"
)
LAST = _set("last")
ARTICLES = _set("a")
COUNTED: frozenset[str] = frozenset()
NOT_COUNTED = _set("o'clock am pm")
PAIRS = frozenset({("couple", "of")})
NEGATES = _set("not than")
MINE = _set("my mine our")
OFFERS = _set("would could can do may shall how what please is are")
