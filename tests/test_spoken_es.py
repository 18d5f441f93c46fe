"""What callers say in Spanish, as values, and values as they are said."""

import datetime as dt
import re

import pytest

from agents.reading import read
from agents.spoken import language
from agents.spoken.en import phrases as en
from agents.spoken.es import phrases as es
from agents.tools import Kind, Slot

SPANISH = language("es-ES")
TODAY = dt.date(2026, 11, 24)  # a Tuesday
BOOKING = Slot("número de reserva", kind="id", pattern=r"\d{4}")
DINNER = Slot("hora", kind="time", hours=(13, 23.5))


def found(kind: Kind, line: str, slot: Slot | None = None, asked: bool = False) -> list[str | int]:
    words = SPANISH.words(line)
    slot = slot or Slot("it", kind=kind)
    return [hit.value for hit in SPANISH.find(kind, words, slot, TODAY, asked)]


@pytest.mark.parametrize(
    "line",
    [
        "Mi reserva es la 1042.",
        "¿Está la reserva 10-42?",
        "diez cuarenta y dos",
        "uno cero cuatro dos",
        "mil cuarenta y dos",
        "el número uno, cero, cuatro, dos, por favor",
        "1.042",
        "1 0 4 2",
    ],
)
def test_a_booking_number_is_heard_however_it_is_said(line: str):
    assert found("id", line, BOOKING) == ["1042"]


def test_identifiers_may_hold_letters():
    plate = Slot("matrícula", kind="id", pattern=r"\d{4}[A-Z]{3}")
    assert found("id", "cuatro ocho uno dos b c d", plate) == ["4812BCD"]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Es el seis doce, treinta y cuatro, cincuenta y seis, setenta y ocho.", "612345678"),
        ("seiscientos doce treinta y cuatro cincuenta y seis setenta y ocho", "612345678"),
        ("612 34 56 78", "612345678"),
        ("seis uno dos tres cuatro cinco seis siete ocho", "612345678"),
        ("nueve uno cinco, doble cero, veintidós, cero siete", "915002207"),
    ],
)
def test_phones_are_said_in_pairs(line: str, number: str):
    assert found("phone", line) == [number]


@pytest.mark.parametrize(
    ("line", "mail"),
    [
        ("es ana punto gil arroba correo punto es", "ana.gil@correo.es"),
        ("ana guion gil 42 arroba correo punto com", "ana-gil42@correo.com"),
        ("ana.gil@correo.es", "ana.gil@correo.es"),
    ],
)
def test_mails(line: str, mail: str):
    assert found("email", line) == [mail]


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("para hoy", "2026-11-24"),
        ("esta noche", "2026-11-24"),
        ("mañana por la mañana", "2026-11-25"),
        ("pasado mañana", "2026-11-26"),
        ("el viernes", "2026-11-27"),
        ("el martes que viene", "2026-12-01"),
        ("el próximo sábado", "2026-11-28"),
        ("el jueves de la semana que viene", "2026-12-03"),
        ("el jueves de la próxima semana a las nueve", "2026-12-03"),
        ("el 12 de marzo", "2027-03-12"),
        ("el doce de marzo de 2028", "2028-03-12"),
        ("el primero de diciembre", "2026-12-01"),
        ("el veintiséis", "2026-11-26"),
        ("el día 3", "2026-12-03"),
        ("el viernes 27", "2026-11-27"),
        ("el viernes 4 de diciembre", "2026-12-04"),
        ("dentro de tres días", "2026-11-27"),
        ("en dos semanas", "2026-12-08"),
        ("de hoy en ocho días", "2026-12-01"),
        ("el 5/12", "2026-12-05"),
        ("en Nochevieja", "2026-12-31"),
    ],
)
def test_dates(line: str, date: str):
    assert found("date", line) == [date]


def test_a_date_that_is_none_is_not_found():
    assert found("date", "el treinta de febrero") == []
    assert found("date", "a las nueve de la mañana") == []
    assert found("date", "una mesa para cuatro") == []
    birthday = Slot("fecha de nacimiento", kind="date", past=True)
    said = "el doce de marzo de mil novecientos ochenta y cinco"
    assert found("date", said, birthday) == ["1985-03-12"]
    assert found("date", "mañana", birthday) == []


def test_a_day_alone_is_one_when_it_was_asked_for():
    assert found("date", "veintisiete", asked=True) == ["2026-11-27"]
    assert found("date", "veintisiete") == []


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("a las ocho y media de la noche", "20:30"),
        ("a las nueve menos cuarto", "20:45"),
        ("a las nueve y cuarto", "21:15"),
        ("a las diez menos diez de la noche", "21:50"),
        ("a las dos", "14:00"),
        ("a la una y media", "13:30"),
        ("a las 20:30", "20:30"),
        ("a las 8:30 de la noche", "20:30"),
        ("a las nueve de la mañana", "09:00"),
        ("mañana por la noche a las nueve", "21:00"),
        ("a las veinte treinta", "20:30"),
        ("a las diez y veinte", "22:20"),
        ("a las nueve en punto", "21:00"),
        ("al mediodía", "12:00"),
        ("a las 9 p.m.", "21:00"),
        ("cuarto para las nueve", "20:45"),
        ("a las 21 horas", "21:00"),
    ],
)
def test_times(line: str, time: str):
    assert found("time", line, DINNER) == [time]


def test_a_bare_number_is_a_time_only_when_one_was_asked_for():
    assert found("time", "nueve", DINNER, asked=True) == ["21:00"]
    assert found("time", "a las nueve, somos cuatro", DINNER, asked=True) == ["21:00"]
    assert found("time", "una mesa para cuatro", DINNER) == []
    assert found("time", "somos dos personas", DINNER) == []


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("una mesa para cuatro", [4]),
        ("para una persona", [1]),
        ("somos doce", [12]),
        ("un par de amigos", [2]),
        ("treinta y cinco", [35]),
        ("ciento veinte", [120]),
    ],
)
def test_numbers_and_articles(line: str, numbers: list[int]):
    assert found("int", line) == numbers


def test_one_is_a_number_when_it_was_asked_for():
    assert found("int", "una", asked=True) == [1]


def test_a_whole_booking_in_one_line():
    slots = {
        "day": Slot("día", kind="date"),
        "time": DINNER,
        "guests": Slot("número de personas", kind="int"),
        "name": Slot("nombre", kind="name"),
    }
    line = "Quería una mesa para cuatro el viernes a las nueve y media, a nombre de Marta Gil."
    reading = read(SPANISH.words(line), slots, SPANISH, TODAY)
    assert reading.values == {
        "day": "2026-11-27",
        "time": "21:30",
        "guests": 4,
        "name": "marta gil",
    }


def test_a_correction_counts_and_a_negation_does_not():
    line = "el viernes, perdón, quiero decir el sábado"
    day = {"day": Slot("día", kind="date")}
    assert read(SPANISH.words(line), day, SPANISH, TODAY).values == {"day": "2026-11-28"}
    where = Slot("sitio", kind="enum", options=("dentro", "terraza"))
    reading = read(SPANISH.words("no dentro, en la terraza"), {"where": where}, SPANISH, TODAY)
    assert reading.values == {"where": "terraza"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Hola, me llamo José Luis Peña y quiero reservar", "josé luis peña"),
        ("soy Marta", "marta"),
        ("a nombre de García, por favor", "garcía"),
        ("Anombre de Marta", "marta"),  # as Whisper base writes it
    ],
)
def test_a_name_needs_a_cue(line: str, name: str):
    hit = SPANISH.named(SPANISH.words(line))
    assert hit is not None
    assert hit.value == name
    assert SPANISH.words(line)[hit.start : hit.end] == name.split()


def test_what_is_no_name():
    assert SPANISH.named(SPANISH.words("quiero una mesa")) is None
    assert SPANISH.named(SPANISH.words("somos cuatro")) is None


@pytest.mark.parametrize(
    "line", ["Sí.", "sí, por favor", "Claro, adelante.", "vale", "Eso es", "si", "si, claro"]
)
def test_a_yes(line: str):
    assert SPANISH.yes(SPANISH.words(line))
    assert not SPANISH.no(SPANISH.words(line))


@pytest.mark.parametrize(
    "line",
    [
        "No.",
        "sí, pero a las nueve",
        "espere",
        "creo que no",
        "mejor no",
        "sí, si hay sitio en la terraza",
        "luego le confirmo",
    ],
)
def test_a_no(line: str):
    assert SPANISH.no(SPANISH.words(line))


def test_an_if_is_no_yes():
    assert not SPANISH.yes(SPANISH.words("si hay sitio en la terraza"))
    assert not SPANISH.yes(SPANISH.words("lo hacemos más adelante"))
    assert not SPANISH.yes(SPANISH.words("eso es mentira"))


@pytest.mark.parametrize("line", ["déjelo", "olvídelo", "he cambiado de idea", "da igual"])
def test_the_task_is_given_up(line: str):
    assert SPANISH.stops(SPANISH.words(line))


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("¿Qué platos vegetarianos tienen?", True),
        ("¿A qué hora abren?", True),
        ("que horario hacen", True),
        ("¿Hay aparcamiento?", True),
        ("quiero que me reserve una mesa", False),
        ("el viernes que viene", False),
        ("sí, correcto", False),
    ],
)
def test_questions(line: str, asks: bool):
    assert SPANISH.questions(SPANISH.words(line)) is asks


def test_other_lines_that_code_understands():
    words = SPANISH.words
    assert SPANISH.unknown(words("no lo sé"))
    assert SPANISH.only_no(words("no, gracias"))
    assert SPANISH.own_case(words("¿dónde está mi reserva?"))
    assert SPANISH.repeat(words("¿Cómo dice?"))
    assert SPANISH.repeat(words("Perdón, ¿puede repetir?"))
    assert SPANISH.asks_who_speaks(words("¿Es usted una persona?"))
    assert SPANISH.asks_who_speaks(words("¿Hablo con una máquina?"))
    assert SPANISH.small_talk(words("Hola, buenas tardes.")) == "greeting"
    assert SPANISH.small_talk(words("Muchas gracias, adiós.")) == "goodbye"
    assert SPANISH.small_talk(words("No, nada más, gracias.")) == "no more"
    assert SPANISH.small_talk(words("Muchas gracias")) == "thanks"
    assert SPANISH.small_talk(words("gracias, y una mesa")) is None
    line = "Cancele mi reserva y quiero saber si abren el lunes"
    assert SPANISH.clauses(line) == ["cancele mi reserva", "quiero saber si abren el lunes"]


def test_values_are_said_to_be_understood():
    assert SPANISH.say("date", "2026-11-26") == "jueves 26 de noviembre"
    assert SPANISH.say("time", "20:30") == "las 8:30 de la noche"
    assert SPANISH.say("time", "13:00") == "la 1 de la tarde"


def test_numbers_of_a_text_are_the_same_written_and_spoken():
    assert SPANISH.numbers("de tres a cinco días, 1.200 euros") == {"3", "5", "1200"}
    assert SPANISH.numbers("una mesa de treinta y dos") == {"32"}


@pytest.mark.parametrize(
    "text",
    [
        "He reservado su mesa.",
        "Ya le he cancelado la reserva.",
        "Su reserva está confirmada.",
        "La mesa ha sido reservada.",
        "Acabo de enviarle un correo.",
        "Voy a cambiar su reserva.",
        "Le enviaré un mensaje.",
        "Cancelé la reserva.",
        "Sí, está hablando con una persona.",
    ],
)
def test_claims_are_noticed(text: str):
    assert SPANISH.claims(text)
    assert SPANISH.opens_claim("Ya le he")


@pytest.mark.parametrize(
    "text",
    [
        "Abrimos de martes a domingo.",
        "La terraza está abierta de mayo a septiembre.",
        "Tenemos platos vegetarianos.",
        "No lo sé.",
        "Las reservas se pueden cancelar hasta dos horas antes.",
    ],
)
def test_plain_answers_are_no_claims(text: str):
    assert not SPANISH.claims(text)


def test_what_a_tool_said_was_done_may_be_told():
    assert not SPANISH.claims("Su reserva está cancelada.", known="estado cancelada")


def test_both_packs_have_the_same_sentences():
    fields = re.compile(r"\{(\w+)\}")
    assert set(en.PHRASES) == set(es.PHRASES)
    for name, sentence in en.PHRASES.items():
        assert set(fields.findall(es.PHRASES[name])) == set(fields.findall(sentence)), name
