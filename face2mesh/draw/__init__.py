"""Software rasteriser, previews and contact sheets."""

from face2mesh.draw.parts import part_colours
from face2mesh.draw.raster import Fragments, rasterise
from face2mesh.draw.shade import render
from face2mesh.draw.sheet import contact_sheet
from face2mesh.draw.views import VIEWS, View, frame

__all__ = ["VIEWS", "Fragments", "View", "contact_sheet", "frame", "part_colours", "rasterise", "render"]
