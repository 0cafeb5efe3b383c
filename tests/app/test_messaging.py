"""Which ways out the settings make, and what of an address is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from province.adapters.outbound import Outbound
from province.adapters.sms import HttpSms, SimulatedSms
from province.adapters.smtp import Smtp
from province.app.messaging import carriers, masked
from province.errors import ConfigurationError
from province.settings import Settings


async def test_settings_name_the_ways_out() -> None:
    outbound, none = Outbound(""), Settings()
    try:
        assert carriers(none, outbound) == {}
        both = replace(none, smtp="smtps://host", mail_sender="A <a@b.vn>", sms="simulator")
        made = carriers(both, outbound)
        assert isinstance(made["mail"], Smtp)
        assert isinstance(made["sms"], SimulatedSms)
        assert isinstance(carriers(replace(none, sms="https://gateway"), outbound)["sms"], HttpSms)
        with pytest.raises(ConfigurationError):
            carriers(replace(none, smtp="smtps://host"), outbound)
    finally:
        await outbound.close()


def test_an_address_is_shown_in_part() -> None:
    assert masked("0274 382 2222") == "…222"
    assert masked("an@vi-du.vn") == "a…@vi-du.vn"
