"""The icon in the browser's tab: a ring, as a droplet looks in bright field."""

from PIL import Image, ImageDraw


def draw_icon():
    """PIL image, 64 x 64, transparent around the ring."""
    icon = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    draw = ImageDraw.Draw(icon)
    draw.ellipse((16, 16, 240, 240), fill="#0F6E84")
    draw.ellipse((72, 72, 184, 184), fill="#FFFFFF")
    draw.ellipse((104, 104, 152, 152), fill="#0F6E84")
    return icon.resize((64, 64), Image.Resampling.LANCZOS)
