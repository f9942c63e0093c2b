"""English abbreviations, sentence openers and fused words for the tokenizer."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Their period is part of the word, and a name or number follows: never the end of a sentence.
BEFORE_NAMES = _set(
    """
    adm. assoc. atty. brig. capt. cmdr. col. cpl. dr. drs. ft. gen. gov. hon. lt. lieut. maj. messrs. mlle. mme. mr.
    mrs. ms. mt. mx. ofc. pfc. pres. prof. pvt. rep. reps. rev. sen. sens. sgt. sr. sra. srta. st. ste. supt.
    approx. art. attn. ca. cf. ch. cit. e.g. eq. eqs. fig. figs. i.e. op. pp. sect. viz. vol. vols. vs. v.s. nos.
    tel.
    """
)

# Their period also ends the sentence when a sentence opener follows.
PERHAPS_FINAL = _set(
    """
    a.m. al. assn. ave. bldg. blvd. bros. cie. co. corp. cos. dept. dist. div. ed. eds. esq. est. etc. ext. hwy.
    inc. jr. ltd. mfg. p.m. pg. plc. pt. rd. ref. univ. jan. feb. apr. aug. sep. sept. oct. nov. dec. mon. tue.
    tues. thu. thur. thurs. fri. sat. sun. ariz. ark. calif. colo. conn. fla. ga. ill. kan. ky. mich. minn. mo.
    mont. neb. nev. la. okla. ont. pa. tenn. tex. va. vt. wis. wyo. ala.
    """
)

# Abbreviations only when capitalized: "ill." is a word before a period.
ONLY_CAPITALIZED = _set(
    """
    apr. ark. col. conn. cos. dec. dist. div. ft. ga. gen. gov. hon. ill. kan. ky. mo. mon. mt. nev. pa. pres. pt.
    rep. reps. rev. sen. st. ste. tel. tex. va. vt. ave. co. fri. jan. feb. aug. sep. sept. oct. nov. tue. tues.
    thu. thur. thurs. sat. sun. la. ms. mx. ala. adm. sr.
    """
)

# A capitalized word that starts a new sentence when it follows an abbreviation's period.
OPENERS = _set(
    """
    A About After All Also Although An And Another Any Are As At Because Before But By Can Did Do Does During Each
    Even Every First For From Had Has Have He Her Here His How However I If In Is It Its Just Last Later Let Many
    Maybe Meanwhile More Most Moreover My Nevertheless No Not Nothing Now Of On Once One Only Or Other Our Perhaps
    Please She Since So Some Sometimes Soon Still Such Thanks That The Their Then There Therefore These They This
    Those Though Thus To Today Two Under Unlike Until Was We Well Were What When Where Whether Which While Who Why
    Will With Would Yes Yesterday Yet You Your
    """
)

# Words that the Penn Treebank writes as two tokens: lowercase form → length of the first token.
FUSED = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3, "'tis": 2, "'twas": 2}
