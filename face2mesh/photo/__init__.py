"""A file or an array becomes an upright RGB picture with its focal length; faces are found and cropped."""
