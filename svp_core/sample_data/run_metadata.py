"""Settings and derived values of the simulated FlowCam run as a whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from svp_core.sample_data import instrument

THRESHOLD = 10.0  # grey levels, darker or brighter than the empty frame
FRINGE_PX = 4.5
MIN_ESD_UM, MAX_ESD_UM = 2.0, 60.0


@dataclass(frozen=True)
class RunMetadata:
    """Values of the run as a whole, from which its text files are written."""

    name: str
    count: int
    frames: int  # camera frames counted
    frames_used: int  # those of them with a particle
    um_per_px: float = instrument.CAMERA.um_per_px
    frame_width: int = instrument.FRAME_WIDTH
    frame_height: int = instrument.FRAME_HEIGHT
    left: int = 1  # acceptable region; right and bottom included
    top: int = 1
    right: int = instrument.FRAME_WIDTH - 2
    bottom: int = instrument.FRAME_HEIGHT - 2
    border_px: int = instrument.BORDER_PX
    neighbour_um: float = instrument.NEIGHBOUR_UM
    threshold: float = THRESHOLD
    fringe_px: float = FRINGE_PX
    min_esd_um: float = MIN_ESD_UM
    max_esd_um: float = MAX_ESD_UM
    flow_cell_depth_um: float = 100.0
    volume_cf: float = 0.87  # the manufacturer's correction of the imaged volume
    flow_ml_per_min: float = 0.15
    frames_per_s: float = 17.0
    utc_start: datetime = datetime(2026, 1, 15, 9)
    zone: timedelta = timedelta(hours=1)
    priming_s: float = 8.0  # from the start to the first frame

    @property
    def imaged_ml(self) -> float:
        """Volume imaged."""
        area_um2 = (self.right - self.left + 1) * (self.bottom - self.top + 1) * self.um_per_px**2
        return area_um2 * self.flow_cell_depth_um * self.frames * self.volume_cf * 1e-12

    @property
    def per_ml(self) -> float:
        """Particles per mL."""
        return self.count / self.imaged_ml

    @property
    def sampling_s(self) -> float:
        """Sampling time, first to last frame."""
        return self.frames / self.frames_per_s

    @property
    def processed_ml(self) -> float:
        """Volume pumped through the flow cell during sampling."""
        return self.flow_ml_per_min * self.sampling_s / 60

    @property
    def efficiency(self) -> float:
        """Fraction of the processed volume that was imaged."""
        return self.imaged_ml / self.processed_ml

    @property
    def utc_end(self) -> datetime:
        """End of the run in UTC."""
        return self.utc_start + timedelta(seconds=round(self.priming_s + self.sampling_s))

    @property
    def local_start(self) -> datetime:
        """Start of the run in local time."""
        return self.utc_start + self.zone

    @property
    def local_end(self) -> datetime:
        """End of the run in local time."""
        return self.utc_end + self.zone

    def time_of(self, src_image: int) -> tuple[float, str]:
        """(seconds since the first frame, local time as written in the list) of a camera frame."""
        elapsed = src_image / self.frames_per_s
        local_time = self.local_start + timedelta(milliseconds=round(1000 * (self.priming_s + elapsed)))
        return elapsed, local_time.isoformat(timespec="milliseconds")
