"""The skin's texture from a photo: what is seen, what is hidden, and the light taken away."""

from face2mesh.texture.several import with_textures
from face2mesh.texture.texture import SIZES, LightOf, texture_of, with_texture

__all__ = ["SIZES", "LightOf", "texture_of", "with_texture", "with_textures"]
