"""A file or an array becomes an upright RGB picture with its focal length; faces are found and cropped."""

from face2mesh.photo.box import Box, box_of_points
from face2mesh.photo.crop import Crop, crop_of_box, crop_of_landmarks, cut
from face2mesh.photo.detect import find_faces
from face2mesh.photo.read import Photo, read_photo

__all__ = [
    "Box",
    "Crop",
    "Photo",
    "box_of_points",
    "crop_of_box",
    "crop_of_landmarks",
    "cut",
    "find_faces",
    "read_photo",
]
