"""Names of regions, tracts and scales, for simulated features that read like a real table."""


def _words(text):
    return text.split()


_CORTEX = _words(
    "bankssts caudalanteriorcingulate caudalmiddlefrontal cuneus entorhinal frontalpole fusiform "
    "inferiorparietal inferiortemporal insula isthmuscingulate lateraloccipital lateralorbitofrontal lingual "
    "medialorbitofrontal middletemporal paracentral parahippocampal parsopercularis parsorbitalis "
    "parstriangularis pericalcarine postcentral posteriorcingulate precentral precuneus "
    "rostralanteriorcingulate rostralmiddlefrontal superiorfrontal superiorparietal superiortemporal "
    "supramarginal temporalpole transversetemporal"
)
_SUBCORTEX = _words("accumbens amygdala caudate hippocampus pallidum putamen thalamus lateralventricle")
_PAIRED_TRACTS = _words("atr cst cingulum cingulumhippocampus ifof ilf slf slftemporal uncinate")
_NETWORKS = _words("visual somatomotor dorsalattention ventralattention limbic frontoparietal default")
_MEDIAL_TEMPORAL = _words("hippocampus entorhinal amygdala parahippocampal fusiform middletemporal lateralventricle")
_PET_REGIONS = _words("frontal parietal temporal occipital precuneus posteriorcingulate hippocampus striatum")


def _both_sides(names, prefix=""):
    return [f"{prefix}{name}_{side}" for name in names for side in ("l", "r")]


THICKNESS = _both_sides(_CORTEX, "thickness_")  # 68 regions of the Desikan-Killiany atlas
STRUCTURAL_MRI = THICKNESS + _both_sides(_SUBCORTEX, "volume_")
TRACTS = ["forcepsmajor", "forcepsminor", *_both_sides(_PAIRED_TRACTS)]  # 20 tracts of the JHU atlas
FRACTIONAL_ANISOTROPY = [f"fa_{tract}" for tract in TRACTS]
NETWORK_CONNECTIVITY = [
    f"fc_{first}_{second}" for i, first in enumerate(_NETWORKS) for second in _NETWORKS[i:]
]  # 28 averages within and between the 7 networks of Yeo
PRODROMAL_SCALES = [
    *(
        f"sops_{scale}{item}"
        for scale, count in (("p", 5), ("n", 6), ("d", 4), ("g", 4))
        for item in range(1, count + 1)
    ),
    "gaf",
    "gaf_decline",
]
STROKE_SCALES = _words(
    "nihss_consciousness nihss_gaze nihss_visual nihss_facial nihss_arm nihss_leg nihss_ataxia nihss_sensory "
    "nihss_language nihss_dysarthria nihss_neglect prestroke_mrs"
)
MEDIAL_TEMPORAL = _both_sides(_MEDIAL_TEMPORAL)
PET_UPTAKE = _both_sides(_PET_REGIONS, "suvr_")
FLUID_MARKERS = _words("abeta42 abeta40 ptau181 ptau217 ttau nfl gfap neurogranin")
