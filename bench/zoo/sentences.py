"""English sentences on many topics, put together from parts so that some pairs are close and most are not."""

import random
from typing import NamedTuple


class Topic(NamedTuple):
    """Any subject goes with any predicate, any detail after that, and any follow-up after that."""

    subjects: tuple[str, ...]
    predicates: tuple[str, ...]
    details: tuple[str, ...]
    follow_ups: tuple[str, ...]


TOPICS = (
    Topic(
        ("my grandmother", "the head chef", "our neighbour Luigi", "a hungry student"),
        ("bakes sourdough bread", "simmers a tomato sauce", "roasts vegetables with thyme", "fries dumplings"),
        ("in a cast iron pan", "for the whole family", "before the guests arrive", "without any salt"),
        ("and the kitchen smells of garlic for hours", "because the recipe was handed down over four generations"),
    ),
    Topic(
        ("the home team", "a young striker", "the goalkeeper", "their former coach"),
        ("lost the football match", "missed two penalties", "celebrated the late goal", "argued with the referee"),
        ("in extra time", "in front of sixty thousand fans", "after a goalless first half", "on a muddy pitch"),
        ("which ends any hope of winning the league this season", "so the newspapers demanded changes the next day"),
    ),
    Topic(
        ("the central bank", "an anxious investor", "the finance minister", "a hedge fund"),
        ("raised interest rates", "sold government bonds", "warned about inflation", "bet against the currency"),
        ("by half a percentage point", "for the third time this year", "despite weak growth", "on Tuesday morning"),
        ("while mortgage payments kept climbing for ordinary households", "and stock prices fell across Europe"),
    ),
    Topic(
        ("the astronomer", "a new space telescope", "the Mars rover", "an amateur stargazer"),
        ("photographed a distant galaxy", "detected water vapour", "tracked a comet", "measured a dying star"),
        ("forty light years away", "during the lunar eclipse", "with an infrared camera", "behind a cloud of dust"),
        ("which may explain how planets form around small red stars", "and sent the data back to Earth overnight"),
    ),
    Topic(
        ("the web server", "a junior developer", "our database", "the nightly build"),
        ("crashed with a memory leak", "deleted the wrong table", "timed out under load", "failed a unit test"),
        ("after the last deployment", "on a Friday evening", "when the cache was empty", "because of a missing index"),
        ("so the on-call engineer rolled back to the previous version", "and nobody noticed until users complained"),
    ),
    Topic(
        ("the surgeon", "a tired nurse", "my family doctor", "the elderly patient"),
        ("prescribed antibiotics", "checked the blood pressure", "asked about chest pain", "postponed the operation"),
        ("in the emergency room", "after reading the X-ray", "for a lung infection", "because of an allergy"),
        ("and recommended two weeks of rest at home", "although the laboratory results had not come back yet"),
    ),
    Topic(
        ("a pod of whales", "the old elephant", "a hungry fox", "the barn owl"),
        ("migrates towards warmer water", "searches for food", "guards its young", "hunts in silence"),
        ("along the rocky coast", "during the dry season", "at the edge of the forest", "under a full moon"),
        ("where biologists have counted fewer animals every year", "far away from roads and villages"),
    ),
    Topic(
        ("the string quartet", "a jazz pianist", "the lead singer", "my little sister"),
        ("rehearsed a Beethoven sonata", "recorded a new album", "forgot the lyrics", "practised scales"),
        ("in an empty concert hall", "with a borrowed violin", "until midnight", "for the summer festival"),
        ("and the audience answered with a long standing ovation", "although the drummer had missed the train"),
    ),
    Topic(
        ("the senate", "an opposition leader", "the newly elected mayor", "a group of voters"),
        ("rejected the tax reform", "called for early elections", "debated immigration law", "demanded a recount"),
        ("by a narrow majority", "after a heated debate", "in the capital", "behind closed doors"),
        ("which puts the governing coalition under considerable pressure", "as protesters gathered outside parliament"),
    ),
    Topic(
        ("a heavy thunderstorm", "the hurricane", "an early frost", "the heat wave"),
        ("flooded the valley", "damaged the crops", "knocked out the power lines", "closed the schools"),
        ("along the southern coast", "within a few hours", "for the first time in decades", "during the weekend"),
        ("and forecasters expect more rain until Thursday", "so residents were told to stay indoors"),
    ),
    Topic(
        ("our train", "the night flight to Lisbon", "a crowded ferry", "the airport shuttle"),
        ("was delayed", "left without us", "arrived ahead of schedule", "was cancelled"),
        ("because of a strike", "at the border", "with all our luggage", "on the first day of the holidays"),
        ("so we spent the night on a bench in the waiting room", "and the airline offered us a voucher"),
    ),
    Topic(
        ("the gardener", "an organic farmer", "my uncle", "a volunteer"),
        ("planted apple trees", "pruned the roses", "watered the seedlings", "harvested potatoes"),
        ("in the greenhouse", "before the first frost", "with rainwater", "behind the old shed"),
        ("because the soil there is rich and drains well", "while bees hummed in the lavender"),
    ),
    Topic(
        ("the painter", "a museum curator", "the sculptor", "an art dealer"),
        ("restored a Renaissance portrait", "sketched the harbour", "sold a forged painting", "carved a marble statue"),
        ("in a small studio in Florence", "for a private collector", "using natural pigments", "after long research"),
        ("which will be shown to the public next spring", "and critics praised the delicate use of light"),
    ),
    Topic(
        ("the defence lawyer", "a high court judge", "the key witness", "the jury"),
        ("questioned the evidence", "dismissed the lawsuit", "described the burglary", "reached a verdict"),
        ("in a packed courtroom", "after three days", "on procedural grounds", "under oath"),
        ("and the company will have to pay damages of two million dollars", "but the prosecutor announced an appeal"),
    ),
    Topic(
        ("the maths teacher", "a shy pupil", "our physics professor", "the headmistress"),
        ("explained fractions", "handed in the homework", "graded the exams", "asked a clever question"),
        ("on the blackboard", "at the end of term", "with great patience", "in front of the whole class"),
        ("so that even the weakest students finally understood", "and the bell rang before anyone could answer"),
    ),
    Topic(
        ("the mechanic", "my electric car", "a delivery van", "the motorcycle"),
        ("needs new brakes", "broke down", "replaced the battery", "leaked oil"),
        ("on the motorway", "after only a thousand miles", "in a narrow tunnel", "near the petrol station"),
        ("and the repair cost more than the vehicle was worth", "although it had passed the inspection in March"),
    ),
    Topic(
        ("a start-up in Berlin", "the sales department", "our new manager", "the board of directors"),
        ("hired fifty engineers", "missed its quarterly target", "announced a merger", "cut the travel budget"),
        ("after the funding round", "without telling the staff", "to reach new markets", "in a short email"),
        ("which surprised competitors and customers alike", "and several employees began looking for other jobs"),
    ),
    Topic(
        ("the toddler", "a proud father", "my twin cousins", "the babysitter"),
        ("learned to walk", "refused to go to bed", "built a tower of blocks", "read a fairy tale"),
        ("in the living room", "on a rainy afternoon", "with a favourite teddy bear", "before dinner"),
        ("and everyone laughed when the dog ran off with the toy", "while the baby slept peacefully next door"),
    ),
    Topic(
        ("the chemist", "a research group in Osaka", "the biology lab", "an early experiment"),
        ("synthesised a new polymer", "sequenced the genome", "measured the reaction rate", "cultured stem cells"),
        ("at very low temperature", "with a cheap catalyst", "under a microscope", "in a controlled trial"),
        ("and the findings were published after independent replication", "which could lead to cheaper vaccines"),
    ),
    Topic(
        ("the Roman army", "a medieval monk", "the last emperor", "an archaeologist"),
        ("built a stone bridge", "copied a sacred manuscript", "signed a peace treaty", "discovered a buried temple"),
        ("in the second century", "near the river Danube", "after a long siege", "beneath the city walls"),
        ("that historians still argue about today", "and coins found at the site confirm the date"),
    ),
    Topic(
        ("the mobile phone", "this laptop", "a cheap pair of headphones", "the smart watch"),
        ("has a terrible battery", "arrived with a cracked screen", "works perfectly", "stopped charging"),
        ("after two weeks", "for such a low price", "even during long flights", "out of the box"),
        ("so I sent it back and asked for a full refund", "and I would happily recommend it to my friends"),
    ),
    Topic(
        ("the hotel room", "a quiet guest house", "the beach resort", "our holiday flat"),
        ("overlooked the sea", "was dirty and noisy", "served a wonderful breakfast", "had no hot water"),
        ("in the middle of the old town", "during our honeymoon", "for eighty euros a night", "next to the nightclub"),
        ("but the friendly receptionist made up for it", "and we have already booked again for next summer"),
    ),
    Topic(
        ("the detective", "a masked thief", "the police", "an undercover agent"),
        ("followed the suspect", "stole the diamonds", "searched the warehouse", "solved the murder"),
        ("through the narrow alleys", "shortly after midnight", "without a warrant", "with the help of a neighbour"),
        ("but the only fingerprint belonged to the victim", "and the safe was found empty the next morning"),
    ),
    Topic(
        ("a wind farm", "the solar panels", "the nuclear plant", "a coal power station"),
        ("supplies electricity", "reduces carbon emissions", "was shut down", "exceeds the pollution limit"),
        ("for two hundred thousand homes", "off the Danish coast", "after a safety review", "in the desert"),
        ("as the country tries to reach its climate goals", "although critics point to the cost of storage"),
    ),
    Topic(
        ("the novelist", "a poetry collection", "the translator", "my book club"),
        ("won a literary prize", "explores grief and memory", "rewrote the final chapter", "chose a crime thriller"),
        ("after years of silence", "in simple and honest prose", "for young readers", "over a glass of wine"),
        ("and reviewers compared it with the great Russian classics", "but the plot is hard to follow at times"),
    ),
    Topic(
        ("the yoga teacher", "a marathon runner", "my physiotherapist", "the cycling club"),
        ("stretches every morning", "trains in the hills", "recovered from a knee injury", "drinks plenty of water"),
        ("before sunrise", "with a heart rate monitor", "in spite of the heat", "three times a week"),
        ("because sleep and steady exercise matter more than talent", "and the race is only a month away"),
    ),
)  # fmt: skip

OPENERS = (
    "Yesterday", "To be honest,", "As far as I know,", "In the end,", "According to the report,", "Last winter",
    "It turned out that", "I was surprised to hear that", "Nobody expected that", "Do you really think that",
)  # fmt: skip


def sentences(count: int, seed: int = 0) -> list[str]:
    """`count` different sentences of 4 to about 35 words."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        sentence = _sentence(draw)
        if 4 <= len(sentence.split()) <= 35:
            found[sentence] = None
    return list(found)


def _sentence(draw: random.Random) -> str:
    topic = draw.choice(TOPICS)
    opener = draw.choice(OPENERS) if draw.random() < 0.3 else ""
    words = [opener, draw.choice(topic.subjects), draw.choice(topic.predicates)]
    length = draw.randrange(4)
    if length >= 1:
        words.append(draw.choice(topic.details))
    if length >= 2:
        words.append(draw.choice(topic.follow_ups))
    if length == 3:
        other = draw.choice(TOPICS)
        words[-1] += f", and {draw.choice(other.subjects)} {draw.choice(other.predicates)} {draw.choice(other.details)}"
    text = " ".join(word for word in words if word)
    return text[0].upper() + text[1:] + ("?" if opener.startswith("Do you") else ".")
