"""Software rasteriser, previews and contact sheets."""

from face2mesh.draw.colours import photo_colours, with_photo_colours
from face2mesh.draw.parts import part_colours, part_opacity, part_shine
from face2mesh.draw.portrait import portrait
from face2mesh.draw.preview import photo_panel, preview
from face2mesh.draw.raster import Fragments, rasterise
from face2mesh.draw.shade import render
from face2mesh.draw.sheet import contact_sheet
from face2mesh.draw.views import VIEWS, View, frame

__all__ = [
    "VIEWS",
    "Fragments",
    "View",
    "contact_sheet",
    "frame",
    "part_colours",
    "part_opacity",
    "part_shine",
    "photo_colours",
    "photo_panel",
    "portrait",
    "preview",
    "rasterise",
    "render",
    "with_photo_colours",
]
