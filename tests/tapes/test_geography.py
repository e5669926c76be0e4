import pytest

from npa_market.tapes.geography import (
    TIERS,
    city_tier,
    places,
    province_names,
    province_of,
    province_of_id_number,
)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("广东", "Guangdong"),
        ("广东省", "Guangdong"),
        (" guangdong ", "Guangdong"),
        ("广西壮族自治区", "Guangxi"),
        ("CA", "CA"),
        ("california", "CA"),
        ("火星", ""),
        ("", ""),
    ],
)
def test_a_province_has_one_spelling(written, known):
    assert province_of(written) == known


@pytest.mark.parametrize(
    ("city", "province", "tier"),
    [
        ("北京市", "北京", "tier_1"),
        ("", "Beijing", "tier_1"),
        ("Shenzhen", "Guangdong", "tier_1"),
        ("成都市", "四川省", "new_tier_1"),
        ("", "重庆", "new_tier_1"),
        ("石家庄", "河北", "provincial_capital"),
        ("汕头", "广东", "other"),
        ("某某县", "广东", "other"),
        ("", "广东", ""),
        ("Los Angeles", "CA", ""),
        ("广州", "", ""),
    ],
)
def test_city_tier(city, province, tier):
    assert city_tier(city, province) == tier
    assert tier in TIERS


def test_every_ranked_city_is_a_city_of_some_province():
    cities = {city.zh for province in places().provinces for city in province.cities}
    assert places().tier_1 | places().new_tier_1 <= cities
    assert not places().tier_1 & places().new_tier_1


def test_id_prefix_names_the_province():
    assert province_of_id_number("440305199001010015") == "Guangdong"
    assert province_of_id_number("990000") == ""


def test_34_provinces_in_both_languages():
    assert len(province_names("zh")) == len(dict(province_names("en"))) == 34
    assert ("Guangdong", "广东") in province_names("zh")
