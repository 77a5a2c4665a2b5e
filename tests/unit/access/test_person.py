"""Who is acting, and what each role may do."""

import pytest

from svp_core.access import person
from svp_core.access.person import KEEPER, READER, REVIEWER, account, acting_as, current_person, require
from svp_core.errors import LabError
from tests.helpers.people import KEEPS, READS, REVIEWS


def test_without_sign_in_the_account_of_the_computer_may_do_everything():
    assert current_person() == account()
    assert not account().is_signed_in
    assert account().may(KEEPER)


@pytest.mark.parametrize(
    ("who", "allowed"), [(READS, [READER]), (REVIEWS, [READER, REVIEWER]), (KEEPS, [READER, REVIEWER, KEEPER])]
)
def test_each_role_may_what_those_below_may(who, allowed):
    assert [role for role in person.ROLES if who.may(role)] == allowed
    with acting_as(who):
        for role in person.ROLES:
            if role in allowed:
                assert require(role, "do it") == who
            else:
                with pytest.raises(LabError, match="ask a keeper"):
                    require(role, "do it")


def test_acting_ends_with_its_block_and_asks_the_app_otherwise(monkeypatch):
    monkeypatch.setattr(person, "_identify", lambda: READS)
    with acting_as(KEEPS):
        assert current_person() == KEEPS
    assert current_person() == READS


def test_a_signed_in_reviewer_cannot_take_another_name():
    with acting_as(REVIEWS):
        assert person.require_own_name("Anna", "decide") == REVIEWS
        with pytest.raises(LabError, match="signed in as Anna"):
            person.require_own_name("Ben", "decide")
    assert person.require_own_name("Ben", "decide") == account()
