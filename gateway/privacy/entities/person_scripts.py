"""Names of people in Cyrillic, Chinese, Japanese and Korean letters, best effort.

In goes text with letters beyond Latin; without any, nothing here looks at it. Out come names that a cue
stands before, a title of respect behind, or a surname's ending shows.
"""

from __future__ import annotations

import re

from gateway.privacy.entities.entity import Entity

# The commonest surnames; those of China are a character each.
_CHINESE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧蔣葉蘇呂盧鍾陸"
)
_JAPANESE = (
    "佐藤|鈴木|高橋|田中|伊藤|渡辺|渡邊|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|斎藤|斉藤|清水|山崎|池田|橋本|阿部"
    "|石川|前田|藤田|小川|岡田|後藤|長谷川|村上|近藤|石井|坂本|遠藤|青木|藤井|西村|福田|太田|三浦|藤原|岡本|松田|中島|中野|原田|小野"
    "|田村|竹内|金子|和田|中山|石田|上田|森田|柴田|酒井|工藤|横山|宮崎|宮本|内田|高木|安藤|谷口|大野|丸山|今井|藤本|武田|村田|上野"
)
_KOREAN = "김이박최정강조윤장임한오서신권황안송류홍전고문양손배백허유남심노하곽성차주우구민진"

_HAN = "[一-鿿々]"
_CYRILLIC_NAME = r"[А-ЯЁІЇЄҐ][а-яёіїєґ'’-]{1,24}"
_CYRILLIC = rf"{_CYRILLIC_NAME}(?: (?:[А-ЯЁІЇЄҐ]\. ?){{0,2}}{_CYRILLIC_NAME}){{1,2}}"
_RESPECT = re.compile(
    r"(?:先生|女士|小姐|教授|医生|醫生|老师|老師|さん|さま|様|氏|くん|君|ちゃん|(?: ?씨)|(?: ?님))\Z"
)
_RESPECTED = (
    rf"[{_CHINESE}]{_HAN}{{0,2}}(?:先生|女士|小姐|教授|医生|醫生|老师|老師)"
    rf"|(?:{_JAPANESE})[一-鿿々ぁ-んァ-ヶー]{{0,3}}(?:さん|さま|様|氏|くん|君|ちゃん)"
    rf"|[{_KOREAN}][가-힣]{{2}} ?(?:씨|님)"
)
_CYRILLIC_SURNAME = re.compile(
    r".*(?:[оеё]в|[оеё]ва|[ыи]н|ина|ский|цкий|ская|цкая|ской|енко|чук|ович|евич|овна|евна|ична|дзе|швили|ян|юк|ук)\Z"
)
# Words that begin a sentence, greet or head a title before a name.
_CYRILLIC_WORDS = frozenset(
    "Это Я Ты Вы Мы Он Она Они И А Но В На С К По Для Как Что Где Когда Если Наш Мой Наша Моя Ваш Вас"
    " Вам Привет Здравствуйте Добрый Уважаемый Уважаемая Дорогой Дорогая Господин Госпожа Пан Пані Це"
    " Клиент Пациент Директор Доктор Профессор Президент Министр Автор Сотрудник Улица Город Россия"
    " Украина Москва".split()
)


def respected(candidate: str) -> int:
    """The name without its title of respect."""
    found = _RESPECT.search(candidate)
    return found.start() if found else 0


def slavic(candidate: str) -> int:
    """Two or three words, one of the last two with the ending of a surname or a father's name."""
    words = candidate.replace(". ", ".").split(" ")
    if words[0] in _CYRILLIC_WORDS:
        return 0
    return len(candidate) if any(_CYRILLIC_SURNAME.match(word) for word in words[1:]) else 0


def _row(rule: str, core: str, openings: tuple[tuple[str, ...], ...], **more: object) -> Entity:
    settings: dict[str, object] = {"before": "", "after": "", "sign": "[Ѐ-ӿ一-鿿가-힣]"} | more
    return Entity(
        name="PERSON",
        label="PERSON",
        kind="personal",
        core=core,
        openings=openings,
        score=0.6,
        rule=rule,
        **settings,  # type: ignore[arg-type]
    )


PERSON_SCRIPTS: tuple[Entity, ...] = (
    _row("respect", _RESPECTED, (("[一-鿿々가-힣]",),), longest=10, validate=respected),
    _row(
        "script cue",
        rf"{_HAN}{{2,4}}|[가-힣]{{2,4}}|{_CYRILLIC_NAME}(?: {_CYRILLIC_NAME}){{0,2}}",
        (("[一-鿿々가-힣А-ЯЁІЇЄҐ]",),),
        longest=77,
        cue=r"(?:(?:姓名|名字|お名前|名前|氏名|患者|客户|이름|성명|имя|Имя|ФИО|фамилия|Фамилия|клиент|Клиент|пациент|Пациент)"
        r"[\"'」]? ?[:：=] ?[\"'「]?|我叫|我的名字是|名前は|이름은 |зовут )",
    ),
    _row(
        "slavic",
        _CYRILLIC,
        (("[А-ЯЁІЇЄҐ]",),),
        longest=82,
        validate=slavic,
        before=r"\w",
        after=r"\w",
        sign="[А-ЯЁІЇЄҐ]",
    ),
)
