"""CPU time per generated image: the published network and sampler against ours, in one run on one machine.

    python benchmarks/generation.py [--images 64] [--rounds 5] [--threads 1]

CPU time is counted (all threads), so other programs disturb it little; the variants alternate in every round, and the
minimum and median of each are printed. A published image takes 500 network calls: some are timed as the published loop
makes them, and extrapolated. Ours are whole images, seed to uint8. Where there is a GPU, its rates are printed too.

Exit status 1 if a standard image of ours costs more than 1/200 of a published one, or if the published network does not
give its reference output (../shared/official, checked where that folder exists).
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from unittest.mock import patch

import torch

ROOT = Path(__file__).resolve().parents[1]

from svp_core.device import has_fast_bfloat16
from svp_core.errors import LabError
from svp_core.generator import published, published_checkpoint, samplers, sampling, throughput, unet
from svp_core.model_files import find_model_folder
from svp_core.particle_classes import CLASSES

OFFICIAL = ROOT.parent / "shared" / "official"
TARGET = 200  # published : ours, CPU time per image
CALLS = {1: 4, 16: 1}  # published network calls timed per round, by batch size
USED = ("standard", "preview")
GPU_BATCH = 256
CPU = torch.device("cpu")


def reference_difference():
    """Largest difference between our rebuilt network's output and the published code's; None without the reference."""
    if not OFFICIAL.is_dir():
        return None
    path = OFFICIAL / "unet_dim8.pth"
    model = published_checkpoint.published_network(published_checkpoint.read_checkpoint(path), path.name)
    reference = torch.load(OFFICIAL / "unet_dim8_io.pt", weights_only=True)
    with torch.inference_mode():
        return (model(reference["x"], reference["t"]) - reference["y"]).abs().max().item()


def our_generator(device):
    """(generator, origin): the shipped one, or the default network untrained, which costs the same."""
    try:
        return unet.load_generator(find_model_folder("generator"), device=device), "shipped weights"
    except LabError:
        config = unet.GeneratorConfig(tuple(particle.key for particle in CLASSES), pixel_mean=0.3, pixel_std=0.2)
        return unet.Generator(unet.build_unet(config).to(device).eval(), config, None, device), "untrained"


def published_steps(model, batch, device):
    """The published loop over one batch, an iterator that advances by one network call."""
    steps = published.ancestral_steps(model, lambda: torch.randn(batch, 1, 64, 64, device=device))
    next(steps)
    next(steps)  # the start and the first step come from one call
    return steps


def variants(images):
    """Name -> function that generates images, or a fraction of one, and returns how many images that was."""
    network = published.build_published()
    folded = published.fold_weight_standardisation(published.build_published())
    generator, origin = our_generator(CPU)
    key = generator.class_keys[0]

    def steps(model, batch):
        denoising = published_steps(model, batch, CPU)

        def advance():
            for _ in range(CALLS[batch]):
                next(denoising)
            return CALLS[batch] * batch / published.STEPS

        return advance

    def ours(sampler, count, bfloat16):
        # The precision depends on the processor; patched here to measure the other one.
        arithmetic = patch("svp_core.device.has_fast_bfloat16", return_value=bfloat16)
        with arithmetic:
            size = (
                throughput.calibrate(generator, most_threads=torch.get_num_threads()).call_size if count > 1 else None
            )

        def make():
            seeds = sampling.image_seeds(0, count)
            with arithmetic:
                for _ in sampling.sample_tiles(generator, key, seeds=seeds, sampler=sampler, call_size=size):
                    pass
            return count

        return make

    imported = published.PublishedGenerator(folded, published.PublishedConfig((key,)), None, CPU)

    def few_calls():
        for _ in sampling.sample_tiles(imported, key, seeds=[0], sampler="fast"):
            pass
        return 1

    fast = has_fast_bfloat16(CPU)
    kind = "bfloat16" if fast else "float32"
    timed = {f"published, batch {batch}": steps(network, batch) for batch in CALLS}
    timed |= {f"published, folded, batch {batch}": steps(folded, batch) for batch in CALLS}
    timed[f"published, folded, fast ({published.FAST_STEPS} calls), one image"] = few_calls
    timed["ours, standard, float32"] = ours("standard", images, False)
    if fast:
        timed["ours, standard, bfloat16"] = ours("standard", images, True)
    timed[f"ours, preview, {kind}"] = ours("preview", images, fast)
    timed[f"ours, preview of a single image, {kind}"] = ours("preview", 1, fast)
    return timed, origin


def cpu_seconds_per_image(timed, rounds):
    """Name -> CPU seconds per image, one per round; the first, untimed round is a warm-up."""
    costs = {name: [] for name in timed}
    for number in range(rounds + 1):
        for name, make in timed.items():
            start = time.process_time()
            images = make()
            if number:
                costs[name].append((time.process_time() - start) / images)
    return costs


def gpu_images_per_second():
    """(published, ours) images per second on the GPU, each in its best precision: float32 with TF32, bfloat16."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    device = torch.device("cuda")

    def rate(make):
        make()
        torch.cuda.synchronize()
        start = time.perf_counter()
        images = make()
        torch.cuda.synchronize()
        return images / (time.perf_counter() - start)

    denoising = published_steps(published.build_published().to(device), GPU_BATCH, device)
    generator, _ = our_generator(device)

    def published_calls():
        for _ in range(20):
            next(denoising)
        return 20 * GPU_BATCH / published.STEPS

    def whole_images():
        seeds = sampling.image_seeds(0, 8 * GPU_BATCH)
        return sum(len(tiles) for _, tiles in sampling.sample_tiles(generator, generator.class_keys[0], seeds=seeds))

    return rate(published_calls), rate(whole_images)


def print_costs(costs):
    """Print the table of CPU seconds per image."""
    print(f"\n{'CPU seconds per image':52}{'minimum':>10}{'median':>10}")
    for name, seconds in costs.items():
        print(f"{name:52}{min(seconds):10.3f}{statistics.median(seconds):10.3f}")


def print_ratios(costs):
    """Print the table of ratios; returns the median for a standard image and the cheaper published batch size."""
    print(f"\n{'published : ours, CPU time per image':66}{'median':>9}{'rounds':>14}")
    ratio = {}
    for ours in [name for name in costs if name.startswith("ours, standard")]:
        for batch in CALLS:
            reference = f"published, batch {batch}"
            rounds = [a / b for a, b in zip(costs[reference], costs[ours], strict=True)]
            ratio[ours, batch] = statistics.median(rounds)
            spread = f"{min(rounds):.0f}-{max(rounds):.0f}"
            print(f"{f'{reference} : {ours}':66}{ratio[ours, batch]:9.0f}{spread:>14}")
    # The last one is the precision that this machine uses by default.
    return min(ratio[ours, batch] for batch in CALLS)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=64, help="images of ours timed per round")
    parser.add_argument("--rounds", type=int, default=5, help="at most 100")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.images < 1 or not 1 <= options.rounds <= 100 or options.threads < 1:
        parser.error("--images and --threads are at least 1, --rounds is 1 to 100")
    torch.set_num_threads(options.threads)

    difference = reference_difference()
    result = (
        "not checked, ../shared/official is missing" if difference is None else f"largest difference {difference:.1e}"
    )
    print(f"published network against its reference output: {result}")

    timed, origin = variants(options.images)
    costs = cpu_seconds_per_image(timed, options.rounds)
    calls = " and ".join(f"{count} call(s) at batch {batch}" for batch, count in CALLS.items())
    steps = " and ".join(f"{samplers.SAMPLERS[key].name.lower()} {samplers.SAMPLERS[key].steps}" for key in USED)
    print(f"{options.threads} thread(s), {options.rounds} rounds.")
    print("Published: random weights, float32, weights standardised on every call as published, or folded in;")
    print(f"  {calls} per round, extrapolated to {published.STEPS} calls per image.")
    print(f"Ours: {origin}, {options.images} whole images per round;")
    print(f"  denoising steps per image: {steps}, some with two network calls, of the network and its guide;")
    print("  images per call as calibrated; a single one costs as much as")
    print(f"  {samplers.CALL_SIZE['cpu']} that share one.")
    print_costs(costs)
    ratio = print_ratios(costs)
    met = "met" if ratio >= TARGET else "MISSED"
    print(f"\ntarget, a standard image in this machine's default precision: at least {TARGET}; {ratio:.0f}, {met}")

    if torch.cuda.is_available():
        published_rate, our_rate = gpu_images_per_second()
        print(f"{torch.cuda.get_device_name()}, images per second: published {published_rate:.2f}, ours {our_rate:.1f}")
    return 0 if ratio >= TARGET and (difference is None or difference <= 1e-5) else 1


if __name__ == "__main__":
    sys.exit(main())
