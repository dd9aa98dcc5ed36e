"""Contact: lids meet and stay outside the eyeballs, lips meet and pass neither each other nor the teeth.

The mouth's lining stays behind the face.
"""

from face2mesh.contact.closing import LipClosing
from face2mesh.contact.contact import Contact
from face2mesh.contact.lids import Lids
from face2mesh.contact.lining import Lining
from face2mesh.contact.lips import Lips

__all__ = ["Contact", "Lids", "Lining", "LipClosing", "Lips"]
