"""English abbreviations and sentence openers: what the tokenizer needs to know about particular words."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Written with a period that belongs to them, and followed by a name or number: never the end of a sentence.
BEFORE_NAMES = _set(
    """
    adm. assoc. atty. brig. capt. cmdr. col. cpl. dr. drs. ft. gen. gov. hon. lt. lieut. maj. messrs.
    mlle. mme. mr. mrs. ms. mt. mx. ofc. pfc. pres. prof. pvt. rep. reps. rev. sen. sens. sgt. sr. sra.
    srta. st. ste. supt. approx. art. attn. ca. cf. ch. cit. e.g. eq. eqs. fig. figs. i.e. op. pp. sect.
    viz. vol. vols. vs. v.s. nos. tel.
    """
)

# Written with a period that may also end a sentence: it does when a sentence opener follows.
PERHAPS_FINAL = _set(
    """
    a.m. al. assn. ave. bldg. blvd. bros. cie. co. corp. cos. dept. dist. div. ed. eds. esq. est. etc.
    ext. hwy. inc. jr. ltd. mfg. p.m. pg. plc. pt. rd. ref. univ. jan. feb. apr. aug. sep. sept. oct.
    nov. dec. mon. tue. tues. thu. thur. thurs. fri. sat. sun. ariz. ark. calif. colo. conn. fla. ga.
    ill. kan. ky. mich. minn. mo. mont. neb. nev. la. okla. ont. pa. tenn. tex. va. vt. wis. wyo. ala.
    """
)

# Of these only the capitalized form is an abbreviation ("ill." is a word before a full stop).
ONLY_CAPITALIZED = _set(
    """
    al. apr. ark. art. ca. ch. col. conn. cos. dec. dist. div. est. ext. fig. figs. ft. ga. gen. gov.
    hon. ill. kan. ky. mo. mon. mt. nev. op. pa. pres. pt. ref. rep. reps. rev. sen. st. ste. tel. tex.
    va. vt. ave. co. fri. jan. feb. aug. sep. sept. oct. nov. tue. tues. thu. thur. thurs. sat. sun. la.
    ms. mx. ala. cit. ed. eds. pg. sect. adm. sr.
    """
) - _set("al. art. ca. ch. fig. figs. op. ed. eds. est. cit. ext. ref. pg. sect.")

# A capitalized word of this kind after a doubtful period opens a sentence.
OPENERS = _set(
    """
    A About After All Also Although An And Another Any Are As At Because Before But By Can Did Do Does
    During Each Even Every First For From Had Has Have He Her Here His How However I If In Is It Its
    Just Last Later Let Many Maybe Meanwhile More Most Moreover My Nevertheless No Not Nothing Now Of On
    Once One Only Or Other Our Perhaps Please She Since So Some Sometimes Soon Still Such Thanks That
    The Their Then There Therefore These They This Those Though Thus To Today Two Under Unlike Until Was
    We Well Were What When Where Whether Which While Who Why Will With Would Yes Yesterday Yet You Your
    """
)

# Words that the Penn Treebank writes as two tokens: lower-case form → length of the first.
FUSED = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3, "'tis": 2, "'twas": 2}
