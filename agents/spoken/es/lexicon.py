"""Spanish word lists. Accents tell words apart: "sí" is a yes and "si" an if, "qué" asks and "que"
joins; a line that begins without its accent, as people type it, is taken as the question."""

import re

YES = re.compile(
    r"\b(sí|claro|vale|perfecto|correcto|exacto|exactamente|de acuerdo|está bien|esta bien|"
    r"(?<!más )adelante|por supuesto|desde luego|confirmo|confirmado|hágalo|hazlo|okay|ok|así es)\b"
    r"|\beso es$|^si$|^si (si|por favor|gracias|claro|señor|señorita|señora|perfecto|correcto)\b"
)
NO = re.compile(
    r"\b(no|nada|tampoco|nunca|espere|espera|un momento|pare|para ya|alto|mejor|pero|"
    r"en vez|en lugar|incorrecto|mal|cancele eso|cancela eso|todavía|más tarde|después|"
    r"(?<!desde )(?<!hasta )luego|salvo|excepto|siempre que|a menos)\b"
    r"|(?<=\w )si (?!si\b|por favor|gracias|claro|señor|señora)\w"  # "yes, if …"
)
PERSON = re.compile(
    r"\b(hablar|páseme|pásame|póngame|comuníqueme|quiero|deme|transfiérame)\b[^.?!]*"
    r"\b(persona|humano|alguien|operador|operadora|agente|compañero|compañera|encargado|encargada|"
    r"responsable|supervisor)\b|^(operador|operadora|agente|una persona)$"
)
ANGRY = re.compile(
    r"\b(joder|mierda|coño|gilipollas|imbécil|idiota|inútil|ridículo|una vergüenza|una broma|"
    r"inaceptable|harto|harta|pérdida de tiempo|los denuncio|estúpid[oa])\b"
)
MORE = re.compile(
    r"\b(más|otro|otra|otros|otras|siguiente|siguientes|después|antes|diferente|ninguno|ninguna)\b"
)
LAST = frozenset({"último", "última", "ultimo", "ultima"})
STOPS = re.compile(
    r"\b(olvíd[ae]lo|olvid[ae]lo|olvíd[ae]se|déj[ae]lo|dej[ae]lo|da igual|no importa|"
    r"ya no (lo |la )?quiero|he cambiado de (idea|opinión)|cambié de (idea|opinión)|"
    r"(déj[ae]lo|dej[ae]lo|déj[ae]la) como está|llam[oa]ré (luego|más tarde|después))\b"
)
UNKNOWN = re.compile(
    r"\b(no (lo |la |me )?(sé|se|tengo|acuerdo|recuerdo|encuentro)|ni idea|no estoy segur[oa]|"
    r"lo he (perdido|olvidado)|la he (perdido|olvidado))\b"
)
QUESTION = re.compile(
    r"\b(qué|cuál|cuáles|cuándo|dónde|adónde|cómo|quién|quiénes|cuánto|cuánta|cuántos|cuántas|"
    r"hay|tienen|tiene usted|tenéis|puedo|se puede|podría(n)? decirme|puede(n)? decirme|"
    r"me (puede|podría) decir|sabe si|saben si|dígame (si|a|qué|cuál)|abren|cierran|aceptan|"
    r"admiten|están abiertos|está abierto|es posible|sirven|ofrecen)\b"
    r"|^(y |pero |oiga |perdone |disculpe )?(a )?"
    r"(que|cual|cuando|donde|como|quien|cuanto|cuantos)\b"
)
CORRECTS = re.compile(
    r"\b(perdón|perdone|perdona|no|espere|digo|quise decir|quería decir|quiero decir|mejor|"
    r"en realidad|mejor dicho|más bien)\b"
)
_LETTERS = r"[^\W\d_]"
NAME = re.compile(
    rf"(?:me llamo|mi nombre es|a ?nombre de|al nombre de|le habla|habla|^soy|\bsoy) "
    rf"((?:{_LETTERS}+ ?){{1,5}})"
)
NAME_ENDS = re.compile(
    r" (?:y|con|para|quiero|quería|quisiera|tengo|llamo|desde|mi|nacid[oa]|en|el|por favor|por|"
    r"teléfono|número|correo|necesito|a las|aquí)\b"
)
_PARTICIPLES = (
    "reservad|cancelad|anulad|cambiad|movid|modificad|enviad|mandad|confirmad|procesad|cread|"
    "registrad|apuntad|anotad|hech|tramitad|devuelt|reembolsad|pagad|actualizad|entregad|solicitad|"
    "transferid|programad|arreglad|pasad"
)
_PAST = (
    "reservé|cancelé|anulé|cambié|moví|modifiqué|envié|mandé|confirmé|procesé|creé|registré|apunté|"
    "anoté|tramité|devolví|reembolsé|actualicé|entregué|solicité|transferí|programé"
)
DONE: str = "reservado"
# How a model claims to have acted, or to be about to; code says such sentences, after the act.
CLAIM = re.compile(
    rf"\b((he|hemos) (?:(?:ya|ahora) )?(?:{_PARTICIPLES})o\b|"
    rf"(?:le |se |lo |la |ya )*(?:{_PAST})\b|(?:acabo|acabamos) de \w+|"
    r"(?:voy|vamos) a (?!necesitar|tener que|ver\b)\w+|"
    r"(?:le |se |lo |la |les )+(?!necesitaré)\w+(?:aré|eré|iré|aremos|eremos|iremos)\b)",
    re.IGNORECASE,
)
REPORT = re.compile(
    rf"\b(?:(?:ha|han) sido|"
    rf"(?:su|la|el|esta|este|esa) [\w ]{{1,30}}?\b(?:está|ha quedado|queda|fue)|"
    rf"ya está|queda)(?: ya| ahora)* ((?:{_PARTICIPLES})[oa]s?)\b",
    re.IGNORECASE,
)
_BEING = "(persona|humano|humana|robot|máquina|ordenador|computadora|ia|grabación|contestador)"
# The measured 1.5B answers that it is a human, whatever its facts say.
WHO_SPEAKS = re.compile(
    rf"\b(eres|es usted|es|esto es|estoy hablando con|hablo con|sois) "
    rf"(?:una? )?(?:verdadera |verdadero )?{_BEING}\b"
)
HUMAN = re.compile(
    r"\b(soy|está hablando con|estás hablando con|habla con) (?:una? )?(persona|humano|humana)\b",
    re.IGNORECASE,
)
DENIAL = re.compile(
    r"\b(no|tampoco|lo siento|lamentablemente|desgraciadamente|perdone)\b", re.IGNORECASE
)
TWO_REQUESTS = re.compile(
    r"\b(?:y|además|también|pero)(?= (?:también |además |por favor )?(?:quiero|quisiera|quería|"
    r"necesito|me gustaría|qué|cuánto|cuánta|cuándo|cómo|dónde|a qué|hay|tienen|puedo|puede|"
    r"cancele|cancelar|reserve)\b)"
)
REPEAT = re.compile(
    r"(?:perdón |perdone |disculpe )?(?:cómo(?: dice| ha dicho)?|qué(?: ha dicho)?|mande|"
    r"(?:me lo )?(?:puede|podría)?(?: |^)?(?:repetir|repetirlo|repite|repita)(?:lo)?(?: eso)?|"
    r"(?:puede|podría) repetir(?:lo|melo)?(?: eso)?|otra vez|no (?:le |lo )?he (?:oído|entendido)"
    r"(?: bien)?|no (?:le |lo )?(?:oí|entendí)(?: bien)?)(?: por favor)?"
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


JOINS = _set("y además también pero por favor")
LIMITS = _set("solo sólo únicamente nunca nadie ninguno ninguna sin salvo excepto cerrado cerrada")
FILLERS = _set(
    "eh em este bueno pues pos hola buenas buenos días dias tardes noches oiga mire es el la los "
    "las lo un una unos unas mi me mis y a al de del que en con por para favor sí si claro vale "
    "ok okay de acuerdo perdón perdone no quiero quisiera quería querría me gustaría le su sus se "
    "ser sería seria puede podría entonces así ahí aquí nombre número numero teléfono telefono "
    "correo electrónico dirección fecha hora día dia bien muy soy somos seremos vamos estamos "
    "está esta son digo mejor creo tal vez quizás ese esa eso esto gracias como"
)
LISTENS = _set(
    "mm mmm mhm hm hmm ajá aja ah eh oh uy vale sí si ya claro bueno bien perfecto genial exacto "
    "ok okay entiendo cierto estupendo"
)
LISTENS_BESIDE = _set("de acuerdo muy pues que por supuesto y m h")
LISTENS_WHOLE: frozenset[str] = frozenset(("de acuerdo", "por supuesto", "ya veo", "así es"))
CALLS = _set("no pare para espere espera perdón perdone oiga hola qué cómo gracias alto")
GREETING = _set("hola buenas buenos días dias tardes noches muy hey oiga")
GOODBYE_CUES = _set("adiós adios chao chau luego")
THANKS_CUES = _set("gracias agradezco")
NO_MORE_CUES = _set("no nada todo")
CLOSING = _set(
    "gracias muchas muchísimas mil adiós adios chao chau hasta luego pronto la próxima eso es "
    "todo era sería no nada más mas perfecto vale ok okay bien muy amable bueno genial estupendo "
    "que tenga un una buen buena buenas buenos día dia tarde noche noches tardes días por su "
    "ayuda muy entonces pues sí ya está de le lo agradezco mucho todo ha sido"
)
# What may stand before a yes: "bueno, pues sí".
BEFORE_YES = _set(
    "eh em este bueno pues pos entonces y ah oh hmm mm muy por favor gracias ya lo la le"
)
WEAK_YES = _set("ok okay vale claro")  # with a goodbye they end the call
ADDRESS_FILLERS = _set("eh em es en la el mi dirección vivo")
TRAILING = _set("por favor aquí eh em gracias muchas y")
ARTICLES = _set("un una")
COUNTED = _set("persona comensal adulto niño niña noche semana")
NOT_COUNTED = _set("am pm horas h")
PAIRS = frozenset({("par", "de")})
NEGATES = _set("no que")
MINE = _set("mi mis mío mía nuestro nuestra nuestros nuestras")
OFFERS = _set(
    "quiere quieres desea le te puedo podría podemos qué cómo necesita hay algo en por es está "
    "gustaría"
)
# Words too common to show that an answer rests on a fact.
COMMON = _set(
    "qué que cuándo cuando dónde donde cómo como quién quien cuál cuál por para porque pero hay "
    "tiene tienen tengo puede pueden puedo podría hacer hace está están estar esta este estos "
    "estas eso esto esos esas ellos ellas usted ustedes nosotros desde hasta sobre entre también "
    "además muy mucho mucha muchos muchas algo alguna algún algunos cada todo toda todos todas "
    "más menos solo sólo necesito necesita quiero quiere saber decir dígame favor gracias sin con"
)
