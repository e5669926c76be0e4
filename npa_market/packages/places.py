"""Chinese provinces and city tiers as data, in both spellings that tapes use."""

EDITION = "Yicai city ranking 2024 (new first tier: 15 cities; second tier: 30 cities)"

_PROVINCES = (
    "北京 Beijing,天津 Tianjin,河北 Hebei,山西 Shanxi,内蒙古 Inner Mongolia,辽宁 Liaoning,吉林 Jilin,"
    "黑龙江 Heilongjiang,上海 Shanghai,江苏 Jiangsu,浙江 Zhejiang,安徽 Anhui,福建 Fujian,江西 Jiangxi,"
    "山东 Shandong,河南 Henan,湖北 Hubei,湖南 Hunan,广东 Guangdong,广西 Guangxi,海南 Hainan,"
    "重庆 Chongqing,四川 Sichuan,贵州 Guizhou,云南 Yunnan,西藏 Tibet,陕西 Shaanxi,甘肃 Gansu,"
    "青海 Qinghai,宁夏 Ningxia,新疆 Xinjiang"
)
_TIERS = {
    "first": "北京 Beijing,上海 Shanghai,广州 Guangzhou,深圳 Shenzhen",
    "new first": (
        "成都 Chengdu,杭州 Hangzhou,重庆 Chongqing,武汉 Wuhan,苏州 Suzhou,西安 Xi'an,南京 Nanjing,"
        "长沙 Changsha,天津 Tianjin,郑州 Zhengzhou,东莞 Dongguan,无锡 Wuxi,宁波 Ningbo,青岛 Qingdao,"
        "合肥 Hefei"
    ),
    "second": (
        "佛山 Foshan,沈阳 Shenyang,昆明 Kunming,济南 Jinan,厦门 Xiamen,福州 Fuzhou,温州 Wenzhou,"
        "哈尔滨 Harbin,石家庄 Shijiazhuang,大连 Dalian,南宁 Nanning,泉州 Quanzhou,金华 Jinhua,"
        "贵阳 Guiyang,常州 Changzhou,长春 Changchun,南昌 Nanchang,南通 Nantong,嘉兴 Jiaxing,"
        "徐州 Xuzhou,惠州 Huizhou,太原 Taiyuan,台州 Taizhou,绍兴 Shaoxing,保定 Baoding,"
        "中山 Zhongshan,潍坊 Weifang,临沂 Linyi,珠海 Zhuhai,烟台 Yantai"
    ),
}
TIERS = ("first", "new first", "second", "third and below")
_SUFFIXES = ("壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市")


def _spellings(listing: str) -> list[str]:
    return [name.lower() for pair in listing.split(",") for name in pair.split(" ", 1)]


_PROVINCE_NAMES = frozenset(_spellings(_PROVINCES))
_TIER_OF = {name: tier for tier, listing in _TIERS.items() for name in _spellings(listing)}


def _plain(name: str) -> str:
    """The name without its administrative suffix, lower case."""
    text = name.strip().lower()
    for suffix in _SUFFIXES:
        if len(text) > len(suffix) + 1 and text.endswith(suffix):
            return text.removesuffix(suffix)
    return text


def city_tier(province: str, city: str) -> str:
    """The tier of a city; of a municipality, of its province's name; "" where it is not known.

    A city that no list names is of the lowest tier if its province is Chinese, else unknown.
    """
    name = _plain(city) or _plain(province)
    if name in _TIER_OF:
        return _TIER_OF[name]
    return TIERS[-1] if city.strip() and _plain(province) in _PROVINCE_NAMES else ""
