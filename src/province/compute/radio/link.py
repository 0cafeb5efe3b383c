"""From signal to bits: noise, and Shannon's bound with the gap of real equipment after 3GPP TR 36.942, annex A.1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
_KT_DBM_HZ = -173.975
"""Thermal noise at 290 K."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier and how much of Shannon's bound its equipment reaches.

    bandwidth_mhz: whole.  down_share: of the time that goes downwards (TDD), without control channels.  streams: layers
    that reach a terminal at once.  attenuation: of the bound, 0.6 downwards in TR 36.942, table A.2.  floor_db: below
    nothing is carried, −10 dB there.  most_bits: per second and hertz and layer, of the best modulation and coding;
    7.4063 is 256-QAM at rate 948/1024 (TS 38.214, table 5.2.2.1-3).  noise_figure_db: of the terminal.
    Error: TR 36.942's curve was fitted to LTE link simulations; NR with the same modulation lies within about 1 dB.
    """

    bandwidth_mhz: float
    down_share: float
    streams: float
    attenuation: float = 0.6
    floor_db: float = -10.0
    most_bits: float = 7.4063
    noise_figure_db: float = 9.0

    def __post_init__(self) -> None:
        """Raises: InvalidInput for a carrier that carries nothing."""
        for name in ("bandwidth_mhz", "down_share", "streams", "attenuation", "most_bits"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidInput(f"{name} is {getattr(self, name)}.", field=name, remedy="Give a number above 0.")

    @property
    def noise_dbm(self) -> float:
        """Thermal noise in the whole carrier, with the terminal's own."""
        return _KT_DBM_HZ + 10.0 * math.log10(self.bandwidth_mhz * 1e6) + self.noise_figure_db

    @property
    def most_mbps(self) -> float:
        """What one sector carries at best."""
        return self._scale * self.most_bits

    @property
    def _scale(self) -> float:
        return self.bandwidth_mhz * self.down_share * self.streams

    def rate_mbps(self, sinr_db: Floats) -> Floats:
        """Bits per second, in millions, that one terminal gets of the whole carrier; 0 below the floor."""
        bits = np.minimum(self.attenuation * np.log2(1.0 + 10.0 ** (sinr_db / 10.0)), self.most_bits)
        return np.asarray(np.where(sinr_db < self.floor_db, 0.0, bits * self._scale))

    def needed_db(self, rate_mbps: float) -> float:
        """Signal to interference and noise that this rate needs. Raises: InvalidInput when no signal is enough."""
        bits = rate_mbps / self._scale
        if not 0 < bits <= self.most_bits:
            raise InvalidInput(
                f"{rate_mbps} Mbit/s cannot be carried: at best {self.most_mbps:.0f} Mbit/s.", field="rate",
                remedy="Ask for less, or give the carrier more bandwidth or streams.",
            )  # fmt: skip
        return max(self.floor_db, 10.0 * math.log10(2.0 ** (bits / self.attenuation) - 1.0))
