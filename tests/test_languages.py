"""Which language an utterance is in: by the recognizer's guess, the agent's, and the caller's so
far; no model."""

from tests.paper import PaperCall
from voice.listen.languages import STAYS, Languages

EITHER = ("en", "es")


def test_at_first_the_likeliest_of_the_agents_languages_is_taken():
    heard = {"cy": 0.5, "es": 0.3, "en": 0.1}
    assert Languages(EITHER).likeliest(heard, EITHER, 2.0) == "es"
    assert Languages(EITHER).likeliest(heard, [], 0.5) == "es"
    assert Languages().likeliest(heard, [], 0.5) == "cy"


def test_a_short_reply_stays_in_the_callers_language_unless_another_is_much_likelier():
    """ "Sí, por favor" sounds like English."""
    spanish = Languages(EITHER, lately="es")
    assert spanish.likeliest({"en": 0.8, "es": 0.1}, EITHER, 0.8) == "es"
    assert spanish.likeliest({"en": 0.9, "es": 0.8 / STAYS}, EITHER, 0.8) == "en"


def test_a_sentence_is_in_the_language_that_it_sounds_like():
    spanish = Languages(EITHER, lately="es")
    assert spanish.likeliest({"en": 0.8, "es": 0.1}, EITHER, 2.0) == "en"


def test_only_what_the_agent_speaks_and_the_transcriber_admits_is_looked_for():
    assert Languages(("en",)).admitted(EITHER) == ["en"]
    assert Languages(("de", "es")).admitted(EITHER) == ["es"]
    assert Languages(("de",)).admitted(EITHER) == ["en", "es"]


def test_the_recognizer_is_told_what_the_caller_spoke_so_far():
    call = PaperCall({"hola buenas tardes": ["Buenas."], "sí por favor": ["Hecho."]})
    call.says("hola buenas tardes", at=1.0)
    call.says("sí por favor", at=4.0)
    told: list[Languages] = []
    transcribe = call.ears.transcribe

    def remembered(audio: object, **options: object) -> object:
        told.append(options["languages"])  # type: ignore[arg-type]
        call.conversation.spoken = "es"
        return transcribe(audio, **options)  # type: ignore[arg-type]

    call.ears.transcribe = remembered  # type: ignore[method-assign, assignment]
    call.run(6.0)
    assert call.conversation.kept == ["hola buenas tardes", "sí por favor"]
    assert told[0] == Languages(EITHER)
    assert told[-1] == Languages(EITHER, "es")
