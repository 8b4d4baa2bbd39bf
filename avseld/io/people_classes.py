"""Classes of sounds that people make, whom a camera can see: recognised by their names, or named by the user."""

import re
from collections.abc import Sequence

from avseld.base.errors import BadInput

WORDS = {
    *(
        "man",
        "men",
        "woman",
        "women",
        "male",
        "female",
        "person",
        "people",
        "human",
        "child",
        "children",
        "kid",
    ),
    *(
        "boy",
        "girl",
        "baby",
        "speech",
        "speaker",
        "voice",
        "talk",
        "conversation",
        "sing",
        "singer",
        "singing",
    ),
    *(
        "whisper",
        "shout",
        "yell",
        "scream",
        "cry",
        "crying",
        "clap",
        "clapping",
        "applause",
        "laugh",
        "laughter",
    ),
    *(
        "laughing",
        "footstep",
        "walk",
        "walking",
        "cough",
        "coughing",
        "sneeze",
        "sneezing",
        "throat",
        "speaking",
    ),
    *("talking", "whispering", "shouting", "yelling", "screaming"),
}
"""words in the names of classes that people make, in the singular"""
COMPOUNDS = ("speech", "laughter", "footstep", "clearthroat", "cough", "handclap", "scream")
"""parts of names that are written in one word, such as malespeech; no other sound has them in its name"""


def made_by_people(name: str) -> bool:
    """Return whether people make the sounds of a class, judged by its name in any spelling.

    Args:
        name: such as female_speech, femaleSpeech, FEMALE SPEECH, Footsteps, malespeech.
    """
    words = [word.lower() for word in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if any(
        word in WORDS or word.removesuffix("es") in WORDS or word.removesuffix("s") in WORDS for word in words
    ):
        return True
    joined = "".join(words)
    return any(part in joined for part in COMPOUNDS)


def people_classes(classes: Sequence[str], people: Sequence[str] | None = None) -> list[int]:
    """List the classes that people make.

    Args:
        classes: names.
        people: those of them that people make; None judges by the names.

    Returns:
        Indices, rising.

    Raises:
        BadInput: a name that is not among the classes.
    """
    if people is None:
        return [index for index, name in enumerate(classes) if made_by_people(name)]
    for name in people:
        if name not in classes:
            raise BadInput(f"--people {name}: none of the classes {', '.join(classes)}; correct it")
    return [index for index, name in enumerate(classes) if name in people]
