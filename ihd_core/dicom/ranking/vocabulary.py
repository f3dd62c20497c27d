"""The words of series descriptions, by meaning and language: one line a language, "word*" stands for its beginning.

Accents and case do not count; "*word" is found anywhere in a word. A line that begins with no language holds words that
several share.
"""

HEAD = """
    head, headneck*, brain, skull*, *crani*, cereb*, *cerebral*, encephal*, neuro*, cct, ncct, hct, nhct
    de: kopf, kopfct, kopfhals, kopfnativ, schädel*, schaedel*, hirn*, gehirn*
    fr: crâne, cerveau, encéphale, tête
    es: cráneo, encéfalo, cabeza
    pt: cabeça, cérebro, encéfalo
    it: testa, capo, encefalo
    nl: hoofd, hersen*, schedel*
    pl: głow*, mózg*, czaszk*
    tr: kafa*, beyin*, kranial*
    sv: huvud*, hjärn*, skalle, hode, hoved, hjerne*
    cs: hlav*, mozek, mozk*, lebk*
    ru: голов*, *мозг*, череп*, гм
    hu: koponya*, agykoponya*
    hr: glava, glave, glavu, глава, главе
    fi: pää, pään, aivot, aivojen
    ro: cap nativ, creier*
    el: κεφαλ*, εγκεφαλ*
    ja: 頭部, 頭蓋, 脳, 頭
    zh: 头部, 头颅, 頭顱, 颅脑, 顱腦, 脑, 腦, 头
    ko: 두부, 머리, 뇌, 두개
"""

ELSEWHERE = {
    "temporal bone": """
        temporal bone, temporal bones, temporals, petrous*, petros*, mastoid*, iac, iacs, inner ear, middle ear, ear
        de: felsenbein*, innenohr*, mittelohr*
        fr: rocher*, os temporal*, os temporaux, os pétreux, oreille*
        es: peñasco*, hueso temporal*, huesos temporales, oido*
        pt: osso temporal*, ouvido*, mastoid*
        it: rocca petrosa, rocche petrose, rocche, osso temporale, ossa temporali, orecchi*
        nl: rotsbeen*, rotsbeenderen
        pl: kość skroniow*, kości skroniow*, piramid*
        tr: temporal kemik*
        sv: klippben*, tinningben*, temporalben*
        cs: spánková kost, skalní kost*, pyramid*
        ru: височные кости, височных костей, височной кости, височн*, пирамид*
        ja: 側頭骨, 中耳, 内耳
        zh: 颞骨, 顳骨, 乳突, 中耳, 内耳
        ko: 측두골
    """,
    "sinuses": """
        sinus*, paranasal*, pns
        de: nnh, nebenhöhl*, nasennebenhöhl*, nnh*
        es: spn, senos paranasales, senos
        pt: seios da face, seios
        it: seni paranasali, seni, spn, massiccio facciale
        nl: neusbij*, bijholte*
        pl: zatok*
        tr: paranazal*
        sv: bihåle*, bihålor*
        cs: vdn, dutin*
        ru: ппн, пазух*, околонос*
        ja: 副鼻腔
        zh: 鼻窦, 鼻竇
        ko: 부비동
    """,
    "orbits": """
        orbit*, eye, eyes
        pl: oczodoł*, oczodol*
        tr: göz*
        cs: očnic*
        ru: орбит*, глазниц*
        ja: 眼窩
        zh: 眼眶
        ko: 안와
    """,
    "face": """
        facial bone, facial bones, face, facial*, maxill*, mandib*, midface, dental*, dentascan, jaw, zygoma, tmj
        de: gesicht*, mittelgesicht*, viszerocranium, kiefer*, oberkiefer*, unterkiefer*, mkg
        fr: massif facial, os de la face, os propres*
        es: macizo facial, macizo
        nl: aangezicht*, kaak*
        pl: twarz*, twarzoczaszk*
        sv: ansikt*
        cs: obličej*
        ru: лицев*, челюст*
        ja: 顔面, 下顎
        zh: 面部, 颌面
        ko: 안면
    """,
    "spine": """
        cervical spine, cerv spine, c spine, t spine, l spine, cspine, tspine, lspine, sspine, ctspine
        spine, spinal, vertebr*
        de: hws, bws, lws, wirbel*, halswirbel*
        fr: rachis
        es: columna cervical, columna, raquis
        pt: coluna cervical, coluna
        it: colonna cervicale, colonna, rachide
        nl: wervel*, cwk, lwk, twk
        pl: kręgosłup*, odc szyjny
        tr: omurga*, vertebra*
        sv: halsrygg*, rygg*, kotry*, kotpel*
        cs: krční páteř, páteř*
        ru: позвон*, шоп
        ja: 頸椎, 頚椎, 胸椎, 腰椎, 脊椎
        zh: 颈椎, 頸椎, 脊柱
        ko: 경추, 척추, 요추
    """,
    "neck": """
        neck, neckchest*, cervical*, cervico*, laryn*, thyroid*
        de: hals, halsweichteil*
        fr: cou
        es: cuello
        pt: pescoço
        it: collo
        nl: nek
        pl: szyja, szyi
        tr: boyun
        cs: krk, krku
        ru: шея, шеи
        ja: 頸部, 頚部
        zh: 颈部, 頸部
        ko: 경부
    """,
    "chest": """
        chest*, thorax*, thorac*, torax*, lung, lungs, pulmo*, mediastin*, heart, cardiac*, coronary*
        de: lunge*, herz*
        fr: poumon*, coeur
        it: torace, polmon*
        pl: klatk*, płuc*
        tr: göğüs, akciğer*
        sv: bröst*, lungor
        cs: hrudn*, plic*
        ru: грудн*, легк*, огк
        ja: 胸部, 肺
        zh: 胸部, 肺
        ko: 흉부, 폐
    """,
    "abdomen": """
        abd, abdo, abdom*, pelvi*, liver, kidney*, cap, tap
        de: bauch*, oberbauch*, becken*, leber*, niere*
        fr: foie, bassin
        nl: buik*, bekken*
        pl: brzuch*, miednic*
        tr: karın, batın*
        sv: buk, buken, bäcken*
        cs: břich*, pánev, pánve
        ru: живот*, брюшн*, обп, таз, таза
        ja: 腹部, 骨盤
        zh: 腹部, 盆腔
        ko: 복부, 골반
    """,
    "trunk": """
        whole body, wholebody, trunk
        de: ganzkörper*, ganzkoerper*, rumpf, stamm
        fr: corps entier
        es: cuerpo entero
        it: total body
    """,
    "limb": """
        extremit*, shoulder, arm, hand, wrist, elbow, hip, knee, ankle, foot, leg
        de: schulter*, hüfte*, knie*, fuss*
        fr: épaule*, hanche*, genou*
        es: hombro*, cadera*, rodilla*
        it: spalla, anca, ginocchio
    """,
}
"""Regions other than the head; what matches one is taken out of the text before bone is looked for."""

UNENHANCED = """
    nocontrast, ncct, nect, nct, nc, nchct, ncect, necct, nhct, noncon*, nonenh*, unenh*, plain, precon*, nativ*
    de: leerserie
    fr: natif*, spc
    es: simple, simples
    it: basale, diretta, smdc, s m d c
    nl: blanco
    pl: natywn*
    tr: kontrastsız*, kontrast öncesi
    ru: натив*, бесконтраст*
    ja: 単純, 造影なし, 造影無, 造影前, 非造影
    zh: 平扫, 平掃, 非增强, 非增強, 无增强, 不增强
    ko: 비조영, 조영전, 조영 전, 단순
"""
NEGATIONS = """
    without, wo, ohne, sans, senza, zonder, bez, utan, без
    no, non, not, kein, keine, o, sin, sem, uden, uten, ilman, fără, χωρίς
    pre, prä, prae, vor, avant, voor, antes, prima, przed, před, före, до
"""
"""Words that turn the contrast agent after them into none; those of the first line do so alone at the end."""

CONTRAST = """
    withcontrast, contrast*, kontrast*, cect, ce, enhanced, enh, postcontrast*, post con, post iv, with iv, civ
    arterial*, venous*, venos*, portal*, delayed, delay
    de: km, k m, mit iv, spätphase, spätaufnahme*
    fr: injecté*, injection*, inj, pdc, produit de contraste, veineux, veineuse, tardif*
    es: cte, ctte, tardi*
    it: mdc, m d c
    pl: z kontr*, po kontr*
    cs: kl, k l
    ru: контраст*, с ку, усилен*
    el: σκιαγρ*
    ja: 造影
    zh: 增强, 增強, 造影
    ko: 조영
"""
AGENT = "iv, i, v, k, m, d, p, c, ci, ic, kv, ку, кв, в, con, cont, medio, medium, produit, prod, de, sr, srodka"
"""Further parts of a contrast agent's name after a negation: "sans produit de contraste", "без в/в контраста"."""

BOTH = """
    bothcontrast, with and without, without and with, with without, without with
    w and wo, wo and w, w wo, wo w, w without
    de: mit und ohne, ohne und mit, nativ und km, nativ und mit
    fr: avec et sans, sans et avec
    es: con y sin, sin y con
    it: con e senza, senza e con, con e sem, com e sem, sem e com
    nl: met en zonder
    pl: z i bez, bez i z
    cs: s i bez
"""

ANGIOGRAPHY = """
    cta, ctas, dcta, ctv, *angio*, venogr*, carotid*, willis, cow, vascular*, dsa, subtra*
    de: karotis*, carotis, gefäß*, gefaess*
    fr: tsa, troncs supra*, polygone, vaisseaux, phlebo*
    es: arterias, vasos, flebo*
    pl: naczyn*
    tr: damar*, anjiyo*, anjio*
    sv: kärl*
    ru: *ангио*, сосуд*
    el: *αγγειο*
    ja: 血管
    zh: 血管
    ko: 혈관, 동맥
"""
PERFUSION = """
    perf, perfu*, *perfus*, ctp, vpct, dynamic*, 4 d, cbf, cbv, rcbf, rcbv, mtt, ttp, tmax, t max, tmip, permeab*
    de: dynam*
    pl: perfuz*
    tr: perfüz*
    ru: *перфуз*
    ja: 灌流
    zh: 灌注
    ko: 관류
"""
BOLUS = """
    bolus*, testbolus*, carebolus*, monitoring*, premonitoring*, smart prep, smartprep, sure start, surestart, real prep
    tracker, locator
"""
PROJECTION = "mip, mips, minip, vrt, vr, ssd, volren, volume render*, rendered, curved, oberfläche*, surface*"
COMPUTED = """
    vnc, virtual non contrast*, virtual noncontrast*, virtual non*, virtual unenh*
    virtuell nativ*, iodine*, iodmap, iod map, iodkarte, jodkarte, kev, monoenerg*
    mono energ*, mono plus, zeff, z eff, rho z, electron density, fusion, fused, overlay, bone removal, boneremoval
    bone subtract*, subtra*
"""
REFORMATTED = """
    mpr, mprs, reformat*, multiplan*, coronal*, cor, sagit*, sag, frontal*
    de: kor, koronar*, rekonstruktion*
    pl: czołow*, strzałk*
    ru: мпр, сагит*, корон*, фронт*
    ja: 冠状, 矢状
    zh: 冠状, 矢状
    ko: 관상, 시상
"""
LOCALIZER = """
    localizer*, localiser*, scout*, topogram*, surview*, scanogram*, scano, topo
    de: übersicht*, uebersicht*, lokalizer*
    es: localizador*
    it: localizzatore
    ru: топограм*
    ja: 位置決め
    zh: 定位像
"""
PLANNING = """
    stereota*, navigat*, neuronav*, stealth, brainlab, gamma knife, gammaknife, cyberknife, planning, biops*, punct*
    de: navi, planung*, bestrahlung*, punktion*
    fr: neuronavigation, dosimétrie
    es: navegación, planificación*
    ru: навигац*
"""

BONE = """
    bone*, sharp, edge, boneplus
    de: knoch*, scharf
    fr: os, osseu*
    es: hueso*, óseo*, ósea*
    pt: osso, óssea*, ósseo*
    it: osso, ossea, osseo, ossa
    nl: bot, botten, botvenster, botsetting, botfilter
    pl: kość, kości, kost*, kosc*
    tr: kemik*
    sv: skelett*, benfönster, benalg*, benfilter, knogle*
    cs: kost, kosti, kostn*
    ru: кост*
    hu: csont*
    ja: 骨
    zh: 骨
    ko: 뼈, 골조건
"""
SOFT = """
    soft*, std, stnd, standard*, smooth, brain window, parenchym*
    de: weich*, wt, hirnfenster*
    fr: parties molles, parenchyme
    es: partes blandas, tejido blando, tejidos blandos, estándar*, parénquima
    pt: partes moles
    it: tessuti molli, parti molli, parenchima
    nl: weke delen
    pl: tkanki miękk*, miękkie
    tr: yumuşak*
    sv: mjukdel*, bløtdel*
    cs: měkk*
    ru: мягк*
    ja: 軟部
    zh: 软组织, 軟組織, 脑窗
    ko: 연부
"""
