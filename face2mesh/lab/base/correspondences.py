"""Where MakeHuman's `hm08` and ICT-FaceKit's mean mean the same place: the registration's fixed points and lines.

Made once: both heads were rendered, MediaPipe's FaceMesh (Apache 2.0) marked them, and the marks that fell on a vertex
of either were kept and looked at; the ear's were placed by hand. All on the subject's left or the middle, numbered from
0 as in `hm08` and in ICT-FaceKit. They only start the registration; the surfaces decide where it ends.
"""

from __future__ import annotations

# (hm08, ICT-FaceKit)
FACE_POINTS = (
    (724, 10), (5063, 1348), (5072, 4), (5171, 962), (6810, 3345), (6816, 3339), (6857, 4423),
    (6867, 2944), (6873, 4167), (6926, 3839), (6928, 4353), (7062, 5194), (7086, 5050), (7087, 5051), (7092, 5063),
    (7094, 4282), (7105, 5027), (7114, 2312), (7119, 3359), (7125, 5106), (7139, 2398), (7434, 2382), (11491, 2762),
    (11502, 3324), (11506, 3144), (11511, 3137), (11710, 5322), (11745, 3565), (11826, 3013), (11963, 6196),
)  # fmt: skip
EAR_POINTS = (
    (12353, 9643), (12040, 6836), (12019, 7129), (12213, 7361), (12335, 7281), (12328, 7159), (12029, 6834),
    (12015, 7285), (12031, 6758),
)  # fmt: skip

# ICT-FaceKit's front edge of the left lids, from the inner to the outer corner.
SCAN_UPPER_LID = (
    3742, 3743, 3744, 3745, 3746, 3747, 3748, 3749, 3750, 3751, 4130, 3752, 4190, 4162, 3754, 3755, 3756, 3757, 3758,
    4133, 3759, 3760, 3721,
)  # fmt: skip
SCAN_LOWER_LID = (
    3742, 4425, 3741, 3740, 3739, 3738, 3737, 3736, 3735, 3734, 3733, 3732, 3731, 3730, 3729, 3728, 3727, 3726, 3725,
    3724, 3723, 3722, 3832, 4434, 3721,
)  # fmt: skip
# ICT-FaceKit's rings around the mouth, by the lower lip's middle and the next vertex to the left, from the vermilion's
# border inwards. Every ring of 74 is one edge loop.
SCAN_LIP_RINGS = (5518, 5945, 5514, 5516, 5515, 5517, 5519)
SCAN_CONTACT_LOWER = 5517
SCAN_CONTACT_UPPER = 5515  # the ring whose upper half is the contact line
SCAN_BEHIND_LIPS = 5519
SCAN_INSIDE_MOUTH = 5538  # its ring and all within belong to the mouth
