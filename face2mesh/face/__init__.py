"""The result: a face with its camera, pose, landmarks and expression."""

from face2mesh.face.camera import (
    Camera,
    CropPose,
    Pose,
    default_focal,
    project,
    rotation_from_6d,
    rotation_to_6d,
    rotation_to_ray,
)
from face2mesh.face.face import Face, HeadDecoder

__all__ = [
    "Camera",
    "CropPose",
    "Face",
    "HeadDecoder",
    "Pose",
    "default_focal",
    "project",
    "rotation_from_6d",
    "rotation_to_6d",
    "rotation_to_ray",
]
