(function(f){if(typeof exports==="object"&&typeof module!=="undefined"){module.exports=f()}else if(typeof define==="function"&&define.amd){define([],f)}else{var g;if(typeof window!=="undefined"){g=window}else if(typeof global!=="undefined"){g=global}else if(typeof self!=="undefined"){g=self}else{g=this}(g.QueueIt || (g.QueueIt = {})).Connector = f()}})(function(){var define,module,exports;return (function(){function r(e,n,t){function o(i,f){if(!n[i]){if(!e[i]){var c="function"==typeof require&&require;if(!f&&c)return c(i,!0);if(u)return u(i,!0);var a=new Error("Cannot find module '"+i+"'");throw a.code="MODULE_NOT_FOUND",a}var p=n[i]={exports:{}};e[i][0].call(p.exports,function(r){var n=e[i][1][r];return o(n||r)},p,p.exports,r,e,n,t)}return n[i].exports}for(var u="function"==typeof require&&require,i=0;i<t.length;i++)o(t[i]);return o}return r})()({1:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.DebugService = exports.QueueITDebugKey = void 0;
var queueitHelpers_1 = require("../queueitHelpers");
exports.QueueITDebugKey = "queueitdebug";
var DebugService = /** @class */ (function () {
    function DebugService(connectorDiagnostics, contextProvider) {
        this.connectorDiagnostics = connectorDiagnostics;
        this.contextProvider = contextProvider;
        this.debugEntries = {};
    }
    DebugService.create = function (customerId, secretKey, queueitToken, contextProvider) {
        var connectorDiagnostics = queueitHelpers_1.ConnectorDiagnostics.verify(customerId, secretKey, queueitToken, contextProvider);
        return new DebugService(connectorDiagnostics, contextProvider);
    };
    DebugService.createWithNoConnectorDiagnostics = function (contextProvider) {
        return new DebugService(null, contextProvider);
    };
    DebugService.prototype.isConnectorDiagnosticEnabled = function () {
        var _a, _b;
        return (_b = (_a = this.connectorDiagnostics) === null || _a === void 0 ? void 0 : _a.isEnabled) !== null && _b !== void 0 ? _b : false;
    };
    DebugService.prototype.hasValidationError = function () {
        var _a, _b;
        return (_b = (_a = this.connectorDiagnostics) === null || _a === void 0 ? void 0 : _a.hasError) !== null && _b !== void 0 ? _b : false;
    };
    DebugService.prototype.getValidationErrorResult = function () {
        var _a, _b;
        return (_b = (_a = this.connectorDiagnostics) === null || _a === void 0 ? void 0 : _a.validationResult) !== null && _b !== void 0 ? _b : null;
    };
    DebugService.prototype.addDebugEntry = function (key, value) {
        this.debugEntries[key] = value;
    };
    DebugService.prototype.flushDebugEntriesToCookie = function () {
        if (!this.isConnectorDiagnosticEnabled()) {
            return;
        }
        var cookieValue = "";
        for (var key in this.debugEntries) {
            cookieValue += key + "=" + this.debugEntries[key] + "|";
        }
        if (cookieValue.lastIndexOf("|") === cookieValue.length - 1) {
            cookieValue = cookieValue.substring(0, cookieValue.length - 1);
        }
        if (!cookieValue) {
            return;
        }
        this.contextProvider.getHttpResponse().setCookie(exports.QueueITDebugKey, cookieValue, null, queueitHelpers_1.Utils.getCurrentTime() + 20 * 60, // now + 20 mins
        false, false);
        this.debugEntries = {};
    };
    return DebugService;
}());
exports.DebugService = DebugService;

},{"../queueitHelpers":13}],2:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.QueueITDebugKey = exports.DebugService = void 0;
var DebugService_1 = require("./DebugService");
Object.defineProperty(exports, "DebugService", { enumerable: true, get: function () { return DebugService_1.DebugService; } });
Object.defineProperty(exports, "QueueITDebugKey", { enumerable: true, get: function () { return DebugService_1.QueueITDebugKey; } });

},{"./DebugService":1}],3:[function(require,module,exports){
"use strict";
var __values = (this && this.__values) || function(o) {
    var s = typeof Symbol === "function" && Symbol.iterator, m = s && o[s], i = 0;
    if (m) return m.call(o);
    if (o && typeof o.length === "number") return {
        next: function () {
            if (o && i >= o.length) o = void 0;
            return { value: o && o[i++], done: !o };
        }
    };
    throw new TypeError(s ? "Object is not iterable." : "Symbol.iterator is not defined.");
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.ComparisonOperatorHelper = exports.HttpHeaderValidatorHelper = exports.RequestBodyValidatorHelper = exports.UserAgentValidatorHelper = exports.CookieValidatorHelper = exports.UrlValidatorHelper = exports.IntegrationEvaluator = void 0;
var models_1 = require("../models");
var integrationConfigModel_1 = require("./integrationConfigModel");
var IntegrationEvaluator = /** @class */ (function () {
    function IntegrationEvaluator() {
    }
    IntegrationEvaluator.prototype.getMatchedIntegrationConfig = function (customerIntegration, currentPageUrl, contextProvider) {
        var e_1, _a, e_2, _b;
        if (!contextProvider.getHttpRequest()) {
            throw new models_1.ConnectorException("request is null");
        }
        if (!customerIntegration) {
            throw new models_1.ConnectorException("customerIntegration is null");
        }
        var normalizationProvider = contextProvider.getNormalizationProvider
            ? contextProvider.getNormalizationProvider()
            : null;
        var normalizedUrl = normalizationProvider
            ? normalizationProvider.normalizeUrl(currentPageUrl)
            : null;
        try {
            for (var _c = __values(customerIntegration.Integrations || []), _d = _c.next(); !_d.done; _d = _c.next()) {
                var integration = _d.value;
                var pageUrlToUse = normalizedUrl && integration.IsNormalizationEnabled
                    ? normalizedUrl
                    : currentPageUrl;
                try {
                    for (var _e = (e_2 = void 0, __values(integration.Triggers)), _f = _e.next(); !_f.done; _f = _e.next()) {
                        var trigger = _f.value;
                        if (this.evaluateTrigger(trigger, pageUrlToUse, contextProvider)) {
                            return integration;
                        }
                    }
                }
                catch (e_2_1) { e_2 = { error: e_2_1 }; }
                finally {
                    try {
                        if (_f && !_f.done && (_b = _e.return)) _b.call(_e);
                    }
                    finally { if (e_2) throw e_2.error; }
                }
            }
        }
        catch (e_1_1) { e_1 = { error: e_1_1 }; }
        finally {
            try {
                if (_d && !_d.done && (_a = _c.return)) _a.call(_c);
            }
            finally { if (e_1) throw e_1.error; }
        }
        return null;
    };
    IntegrationEvaluator.prototype.evaluateTrigger = function (trigger, currentPageUrl, contextProvider) {
        var e_3, _a, e_4, _b;
        if (trigger.LogicalOperator === integrationConfigModel_1.LogicalOperatorType.Or) {
            try {
                for (var _c = __values(trigger.TriggerParts), _d = _c.next(); !_d.done; _d = _c.next()) {
                    var part = _d.value;
                    if (this.evaluateTriggerPart(part, currentPageUrl, contextProvider)) {
                        return true;
                    }
                }
            }
            catch (e_3_1) { e_3 = { error: e_3_1 }; }
            finally {
                try {
                    if (_d && !_d.done && (_a = _c.return)) _a.call(_c);
                }
                finally { if (e_3) throw e_3.error; }
            }
            return false;
        }
        else {
            try {
                for (var _e = __values(trigger.TriggerParts), _f = _e.next(); !_f.done; _f = _e.next()) {
                    var part = _f.value;
                    if (!this.evaluateTriggerPart(part, currentPageUrl, contextProvider)) {
                        return false;
                    }
                }
            }
            catch (e_4_1) { e_4 = { error: e_4_1 }; }
            finally {
                try {
                    if (_f && !_f.done && (_b = _e.return)) _b.call(_e);
                }
                finally { if (e_4) throw e_4.error; }
            }
            return true;
        }
    };
    IntegrationEvaluator.prototype.evaluateTriggerPart = function (triggerPart, currentPageUrl, contextProvider) {
        switch (triggerPart.ValidatorType) {
            case integrationConfigModel_1.ValidatorType.UrlValidator: {
                return UrlValidatorHelper.evaluate(triggerPart, currentPageUrl);
            }
            case integrationConfigModel_1.ValidatorType.CookieValidator: {
                return CookieValidatorHelper.evaluate(triggerPart, contextProvider.getHttpRequest());
            }
            case integrationConfigModel_1.ValidatorType.UserAgentValidator: {
                return UserAgentValidatorHelper.evaluate(triggerPart, contextProvider.getHttpRequest().getUserAgent());
            }
            case integrationConfigModel_1.ValidatorType.HttpHeaderValidator: {
                return HttpHeaderValidatorHelper.evaluate(triggerPart, contextProvider.getHttpRequest().getHeader(triggerPart.HttpHeaderName));
            }
            case integrationConfigModel_1.ValidatorType.RequestBodyValidator: {
                return RequestBodyValidatorHelper.evaluate(triggerPart, contextProvider.getHttpRequest().getRequestBodyAsString());
            }
            default: {
                return false;
            }
        }
    };
    return IntegrationEvaluator;
}());
exports.IntegrationEvaluator = IntegrationEvaluator;
var UrlValidatorHelper = /** @class */ (function () {
    function UrlValidatorHelper() {
    }
    UrlValidatorHelper.evaluate = function (triggerPart, url) {
        var urlPart = this.getUrlPart(triggerPart, url);
        return ComparisonOperatorHelper.evaluate(triggerPart.Operator, triggerPart.IsNegative, triggerPart.IsIgnoreCase, urlPart, triggerPart.ValueToCompare, triggerPart.ValuesToCompare);
    };
    UrlValidatorHelper.getUrlPart = function (triggerPart, url) {
        switch (triggerPart.UrlPart) {
            case integrationConfigModel_1.UrlPartType.PagePath:
                return this.getPathFromUrl(url);
            case integrationConfigModel_1.UrlPartType.PageUrl:
                return url;
            case integrationConfigModel_1.UrlPartType.HostName:
                return this.getHostNameFromUrl(url);
            default:
                return "";
        }
    };
    UrlValidatorHelper.getHostNameFromUrl = function (url) {
        var urlMatcher = /^(([^:/?#]+):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?/;
        var match = urlMatcher.exec(url);
        if (match && match[4]) {
            return match[4];
        }
        return "";
    };
    UrlValidatorHelper.getPathFromUrl = function (url) {
        var urlMatcher = /^(([^:/?#]+):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?/;
        var match = urlMatcher.exec(url);
        if (match && match[5]) {
            return match[5];
        }
        return "";
    };
    return UrlValidatorHelper;
}());
exports.UrlValidatorHelper = UrlValidatorHelper;
var CookieValidatorHelper = /** @class */ (function () {
    function CookieValidatorHelper() {
    }
    CookieValidatorHelper.evaluate = function (triggerPart, request) {
        return ComparisonOperatorHelper.evaluate(triggerPart.Operator, triggerPart.IsNegative, triggerPart.IsIgnoreCase, this.getCookie(triggerPart.CookieName, request), triggerPart.ValueToCompare, triggerPart.ValuesToCompare);
    };
    CookieValidatorHelper.getCookie = function (cookieName, request) {
        var cookie = request.getCookieValue(cookieName);
        if (!cookie) {
            return "";
        }
        return cookie;
    };
    return CookieValidatorHelper;
}());
exports.CookieValidatorHelper = CookieValidatorHelper;
var UserAgentValidatorHelper = /** @class */ (function () {
    function UserAgentValidatorHelper() {
    }
    UserAgentValidatorHelper.evaluate = function (triggerPart, userAgent) {
        return ComparisonOperatorHelper.evaluate(triggerPart.Operator, triggerPart.IsNegative, triggerPart.IsIgnoreCase, userAgent, triggerPart.ValueToCompare, triggerPart.ValuesToCompare);
    };
    return UserAgentValidatorHelper;
}());
exports.UserAgentValidatorHelper = UserAgentValidatorHelper;
var RequestBodyValidatorHelper = /** @class */ (function () {
    function RequestBodyValidatorHelper() {
    }
    RequestBodyValidatorHelper.evaluate = function (triggerPart, bodyString) {
        return ComparisonOperatorHelper.evaluate(triggerPart.Operator, triggerPart.IsNegative, triggerPart.IsIgnoreCase, bodyString, triggerPart.ValueToCompare, triggerPart.ValuesToCompare);
    };
    return RequestBodyValidatorHelper;
}());
exports.RequestBodyValidatorHelper = RequestBodyValidatorHelper;
var HttpHeaderValidatorHelper = /** @class */ (function () {
    function HttpHeaderValidatorHelper() {
    }
    HttpHeaderValidatorHelper.evaluate = function (triggerPart, headerValue) {
        return ComparisonOperatorHelper.evaluate(triggerPart.Operator, triggerPart.IsNegative, triggerPart.IsIgnoreCase, headerValue, triggerPart.ValueToCompare, triggerPart.ValuesToCompare);
    };
    return HttpHeaderValidatorHelper;
}());
exports.HttpHeaderValidatorHelper = HttpHeaderValidatorHelper;
var ComparisonOperatorHelper = /** @class */ (function () {
    function ComparisonOperatorHelper() {
    }
    ComparisonOperatorHelper.evaluate = function (opt, isNegative, isIgnoreCase, value, valueToCompare, valuesToCompare) {
        value = value || "";
        valueToCompare = valueToCompare || "";
        valuesToCompare = valuesToCompare || [];
        switch (opt) {
            case integrationConfigModel_1.ComparisonOperatorType.EqualS:
                return ComparisonOperatorHelper.equalS(value, valueToCompare, isNegative, isIgnoreCase);
            case integrationConfigModel_1.ComparisonOperatorType.Contains:
                return ComparisonOperatorHelper.contains(value, valueToCompare, isNegative, isIgnoreCase);
            case integrationConfigModel_1.ComparisonOperatorType.EqualsAny:
                return ComparisonOperatorHelper.equalsAny(value, valuesToCompare, isNegative, isIgnoreCase);
            case integrationConfigModel_1.ComparisonOperatorType.ContainsAny:
                return ComparisonOperatorHelper.containsAny(value, valuesToCompare, isNegative, isIgnoreCase);
            default:
                return false;
        }
    };
    ComparisonOperatorHelper.contains = function (value, valueToCompare, isNegative, ignoreCase) {
        if (valueToCompare === "*" && value) {
            return true;
        }
        var evaluation = false;
        if (ignoreCase) {
            evaluation =
                value.toUpperCase().indexOf(valueToCompare.toUpperCase()) !==
                    -1;
        }
        else {
            evaluation = value.indexOf(valueToCompare) !== -1;
        }
        if (isNegative) {
            return !evaluation;
        }
        else {
            return evaluation;
        }
    };
    ComparisonOperatorHelper.equalS = function (value, valueToCompare, isNegative, ignoreCase) {
        var evaluation = false;
        if (ignoreCase) {
            evaluation = value.toUpperCase() === valueToCompare.toUpperCase();
        }
        else {
            evaluation = value === valueToCompare;
        }
        if (isNegative) {
            return !evaluation;
        }
        else {
            return evaluation;
        }
    };
    ComparisonOperatorHelper.equalsAny = function (value, valuesToCompare, isNegative, isIgnoreCase) {
        var e_5, _a;
        try {
            for (var valuesToCompare_1 = __values(valuesToCompare), valuesToCompare_1_1 = valuesToCompare_1.next(); !valuesToCompare_1_1.done; valuesToCompare_1_1 = valuesToCompare_1.next()) {
                var valueToCompare = valuesToCompare_1_1.value;
                if (ComparisonOperatorHelper.equalS(value, valueToCompare, false, isIgnoreCase)) {
                    return !isNegative;
                }
            }
        }
        catch (e_5_1) { e_5 = { error: e_5_1 }; }
        finally {
            try {
                if (valuesToCompare_1_1 && !valuesToCompare_1_1.done && (_a = valuesToCompare_1.return)) _a.call(valuesToCompare_1);
            }
            finally { if (e_5) throw e_5.error; }
        }
        return isNegative;
    };
    ComparisonOperatorHelper.containsAny = function (value, valuesToCompare, isNegative, isIgnoreCase) {
        var e_6, _a;
        try {
            for (var valuesToCompare_2 = __values(valuesToCompare), valuesToCompare_2_1 = valuesToCompare_2.next(); !valuesToCompare_2_1.done; valuesToCompare_2_1 = valuesToCompare_2.next()) {
                var valueToCompare = valuesToCompare_2_1.value;
                if (ComparisonOperatorHelper.contains(value, valueToCompare, false, isIgnoreCase)) {
                    return !isNegative;
                }
            }
        }
        catch (e_6_1) { e_6 = { error: e_6_1 }; }
        finally {
            try {
                if (valuesToCompare_2_1 && !valuesToCompare_2_1.done && (_a = valuesToCompare_2.return)) _a.call(valuesToCompare_2);
            }
            finally { if (e_6) throw e_6.error; }
        }
        return isNegative;
    };
    return ComparisonOperatorHelper;
}());
exports.ComparisonOperatorHelper = ComparisonOperatorHelper;

},{"../models":12,"./integrationConfigModel":4}],4:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.ActionType = exports.LogicalOperatorType = exports.ComparisonOperatorType = exports.UrlPartType = exports.ValidatorType = exports.TriggerModel = exports.TriggerPart = exports.CustomerIntegration = exports.IntegrationConfigModel = void 0;
var IntegrationConfigModel = /** @class */ (function () {
    function IntegrationConfigModel() {
    }
    return IntegrationConfigModel;
}());
exports.IntegrationConfigModel = IntegrationConfigModel;
var CustomerIntegration = /** @class */ (function () {
    function CustomerIntegration() {
        this.Integrations = new Array();
        this.Version = -1;
    }
    return CustomerIntegration;
}());
exports.CustomerIntegration = CustomerIntegration;
var TriggerPart = /** @class */ (function () {
    function TriggerPart() {
    }
    return TriggerPart;
}());
exports.TriggerPart = TriggerPart;
var TriggerModel = /** @class */ (function () {
    function TriggerModel() {
        this.TriggerParts = new Array();
    }
    return TriggerModel;
}());
exports.TriggerModel = TriggerModel;
var ValidatorType = /** @class */ (function () {
    function ValidatorType() {
    }
    ValidatorType.UrlValidator = "UrlValidator";
    ValidatorType.CookieValidator = "CookieValidator";
    ValidatorType.UserAgentValidator = "UserAgentValidator";
    ValidatorType.HttpHeaderValidator = "HttpHeaderValidator";
    ValidatorType.RequestBodyValidator = "RequestBodyValidator";
    return ValidatorType;
}());
exports.ValidatorType = ValidatorType;
var UrlPartType = /** @class */ (function () {
    function UrlPartType() {
    }
    UrlPartType.HostName = "HostName";
    UrlPartType.PagePath = "PagePath";
    UrlPartType.PageUrl = "PageUrl";
    return UrlPartType;
}());
exports.UrlPartType = UrlPartType;
var ComparisonOperatorType = /** @class */ (function () {
    function ComparisonOperatorType() {
    }
    ComparisonOperatorType.EqualS = "Equals";
    ComparisonOperatorType.Contains = "Contains";
    ComparisonOperatorType.EqualsAny = "EqualsAny";
    ComparisonOperatorType.ContainsAny = "ContainsAny";
    return ComparisonOperatorType;
}());
exports.ComparisonOperatorType = ComparisonOperatorType;
var LogicalOperatorType = /** @class */ (function () {
    function LogicalOperatorType() {
    }
    LogicalOperatorType.Or = "Or";
    LogicalOperatorType.And = "And";
    return LogicalOperatorType;
}());
exports.LogicalOperatorType = LogicalOperatorType;
var ActionType = /** @class */ (function () {
    function ActionType() {
    }
    ActionType.IgnoreAction = "Ignore";
    ActionType.CancelAction = "Cancel";
    ActionType.QueueAction = "Queue";
    return ActionType;
}());
exports.ActionType = ActionType;

},{}],5:[function(require,module,exports){
"use strict";
var __read = (this && this.__read) || function (o, n) {
    var m = typeof Symbol === "function" && o[Symbol.iterator];
    if (!m) return o;
    var i = m.call(o), r, ar = [], e;
    try {
        while ((n === void 0 || n-- > 0) && !(r = i.next()).done) ar.push(r.value);
    }
    catch (error) { e = { error: error }; }
    finally {
        try {
            if (r && !r.done && (m = i["return"])) m.call(i);
        }
        finally { if (e) throw e.error; }
    }
    return ar;
};
var __spreadArray = (this && this.__spreadArray) || function (to, from, pack) {
    if (pack || arguments.length === 2) for (var i = 0, l = from.length, ar; i < l; i++) {
        if (ar || !(i in from)) {
            if (!ar) ar = Array.prototype.slice.call(from, 0, i);
            ar[i] = from[i];
        }
    }
    return to.concat(ar || Array.prototype.slice.call(from));
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.DefaultNormalizationProvider = void 0;
var defaultUrlNormalizationStep_1 = require("./defaultUrlNormalizationStep");
var normalizationPipeline_1 = require("./normalizationPipeline");
var DefaultNormalizationProvider = /** @class */ (function () {
    function DefaultNormalizationProvider() {
        var args = [];
        for (var _i = 0; _i < arguments.length; _i++) {
            args[_i] = arguments[_i];
        }
        this.defaultUrlNormalizationPipelineSteps = [
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.ignoreErrors,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.shortCircuitNullAsEmptyString,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.trim,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.checkEmptyString,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.replaceBackSlashes,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.removeDuplicatedSlashes,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.decodeUnreservedCharacters,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.percentEncodeLiteralByteValues,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.convertPercentEncodedRepresentationsToUpperCase,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.removeDotSegments,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.replaceEncodedSpaceWithPlusInQuery,
            defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep.trim,
        ];
        if (!args || args.length === 0) {
            this.urlNormalizationPipeline = new (normalizationPipeline_1.NormalizationPipeline.bind.apply(normalizationPipeline_1.NormalizationPipeline, __spreadArray([void 0], __read(this.defaultUrlNormalizationPipelineSteps), false)))();
        }
        else {
            this.urlNormalizationPipeline = new (normalizationPipeline_1.NormalizationPipeline.bind.apply(normalizationPipeline_1.NormalizationPipeline, __spreadArray([void 0], __read(args), false)))();
        }
    }
    DefaultNormalizationProvider.prototype.normalizeUrl = function (url) {
        return this.urlNormalizationPipeline.execute(url);
    };
    return DefaultNormalizationProvider;
}());
exports.DefaultNormalizationProvider = DefaultNormalizationProvider;

},{"./defaultUrlNormalizationStep":6,"./normalizationPipeline":7}],6:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.DefaultUrlNormalizationStep = void 0;
var DefaultUrlNormalizationStep = /** @class */ (function () {
    function DefaultUrlNormalizationStep() {
    }
    DefaultUrlNormalizationStep.decodeMap = {
        // Uppercase A-Z
        "%41": "A", "%42": "B", "%43": "C", "%44": "D", "%45": "E",
        "%46": "F", "%47": "G", "%48": "H", "%49": "I", "%4A": "J",
        "%4B": "K", "%4C": "L", "%4D": "M", "%4E": "N", "%4F": "O",
        "%50": "P", "%51": "Q", "%52": "R", "%53": "S", "%54": "T",
        "%55": "U", "%56": "V", "%57": "W", "%58": "X", "%59": "Y",
        "%5A": "Z",
        // Lowercase a-z
        "%61": "a", "%62": "b", "%63": "c", "%64": "d", "%65": "e",
        "%66": "f", "%67": "g", "%68": "h", "%69": "i", "%6A": "j",
        "%6B": "k", "%6C": "l", "%6D": "m", "%6E": "n", "%6F": "o",
        "%70": "p", "%71": "q", "%72": "r", "%73": "s", "%74": "t",
        "%75": "u", "%76": "v", "%77": "w", "%78": "x", "%79": "y",
        "%7A": "z",
        // Digits 0-9
        "%30": "0", "%31": "1", "%32": "2", "%33": "3", "%34": "4",
        "%35": "5", "%36": "6", "%37": "7", "%38": "8", "%39": "9",
        // Unreserved special characters
        "%2D": "-", "%2E": ".", "%5F": "_", "%7E": "~"
    };
    DefaultUrlNormalizationStep.ignoreErrors = {
        execute: function (input, next) {
            try {
                return next(input);
            }
            catch (_a) {
                return input;
            }
        }
    };
    DefaultUrlNormalizationStep.shortCircuitNullAsEmptyString = {
        execute: function (input, next) {
            if (input === null) {
                return "";
            }
            return next(input);
        }
    };
    DefaultUrlNormalizationStep.trim = {
        execute: function (input, next) {
            return next(input.trim());
        }
    };
    DefaultUrlNormalizationStep.checkEmptyString = {
        execute: function (input, next) {
            if (input === "") {
                return "";
            }
            return next(input);
        }
    };
    DefaultUrlNormalizationStep.decodeUnreservedCharacters = {
        execute: function (input, next) {
            var result = input.replace(/%[0-9A-F]{2}/gi, function (match) {
                var upperMatch = match.toUpperCase();
                return DefaultUrlNormalizationStep.decodeMap[upperMatch] || match;
            });
            return next(result);
        }
    };
    DefaultUrlNormalizationStep.percentEncodeLiteralByteValues = {
        execute: function (input, next) {
            var result = input.replace(/[^a-zA-Z0-9\-._~:/?#%[\]@!$&'()*+,;=]/g, function (char) {
                return encodeURIComponent(char).toUpperCase();
            });
            return next(result);
        }
    };
    DefaultUrlNormalizationStep.convertPercentEncodedRepresentationsToUpperCase = {
        execute: function (input, next) {
            var result = input.replace(/%[0-9a-f]{2}/g, function (match) { return match.toUpperCase(); });
            return next(result);
        }
    };
    DefaultUrlNormalizationStep.replaceBackSlashes = {
        execute: function (input, next) {
            return next(input.replace(/\\/g, "/"));
        }
    };
    DefaultUrlNormalizationStep.removeDuplicatedSlashes = {
        execute: function (input, next) {
            return next(input.replace(/(?<!:)\/\/+/g, "/"));
        }
    };
    DefaultUrlNormalizationStep.replaceEncodedSpaceWithPlusInQuery = {
        execute: function (input, next) {
            var result = input.replace(/(?<=\?.*)%20/g, "+");
            return next(result);
        }
    };
    DefaultUrlNormalizationStep.removeDotSegments = {
        execute: function (input, next) {
            var rootParentMatcher = /^\.\.?\//; // rfc3986 5.2.4 step 2.A
            var currentDirectoryMatcher = /^\/\.(\/|$)/; // rfc3986 5.2.4 step 2.B
            var parentDirectoryMatcher = /^\/\.\.(\/|$)/; // rfc3986 5.2.4 step 2.C
            var pathSegmentMatcher = /^\/?(?:.|\n)*?(?=\/|$)/; // rfc3986 5.2.4 step 2.E
            // Extract query/fragment and main part
            var urlParts = input.match(/^([^?#]*)(\?[^#]*)?(#.*)?$/);
            var urlWithoutQueryOrFragment = urlParts ? urlParts[1] : input;
            var queryAndFragment = urlParts ? (urlParts[2] || "") + (urlParts[3] || "") : "";
            var protocolAndDomain = "";
            var path = urlWithoutQueryOrFragment || "";
            // Protocol + domain
            var protocolMatch = urlWithoutQueryOrFragment.match(/^(https?:\/\/[^/]+)(\/.*)?$/);
            if (protocolMatch) {
                protocolAndDomain = protocolMatch[1];
                path = protocolMatch[2] || "/";
            }
            // Domain without protocol
            else if (/^[^/]+\.[^/]+/.test(urlWithoutQueryOrFragment)) {
                var slashIndex = urlWithoutQueryOrFragment.indexOf("/");
                if (slashIndex !== -1) {
                    protocolAndDomain = urlWithoutQueryOrFragment.slice(0, slashIndex);
                    path = urlWithoutQueryOrFragment.slice(slashIndex);
                }
                else {
                    protocolAndDomain = urlWithoutQueryOrFragment;
                    path = "/";
                }
            }
            var output = [];
            while (path === null || path === void 0 ? void 0 : path.length) {
                if (path.match(rootParentMatcher)) { // remove ./ and ../ from beginning
                    path = path.replace(rootParentMatcher, "");
                }
                else if (path.match(currentDirectoryMatcher)) { // replace /./ or /.$ with /
                    path = path.replace(currentDirectoryMatcher, "/");
                }
                else if (path.match(parentDirectoryMatcher)) {
                    path = path.replace(parentDirectoryMatcher, "/"); // replace /../ or /..$ with /
                    output.pop(); // remove last path section, due to path traversed one up
                }
                else if (path === "." || path === "..") {
                    path = ""; // stop, since path only has dots left, which carries no meaning
                }
                else {
                    var pathSegmentMatch = path.match(pathSegmentMatcher);
                    if (pathSegmentMatch) {
                        var pathSegment = pathSegmentMatch[0];
                        path = path.slice(pathSegment.length);
                        output.push(pathSegment);
                    }
                    else {
                        output = path.split("");
                        break;
                    }
                }
            }
            var result = protocolAndDomain + output.join("") + queryAndFragment;
            return next(result);
        }
    };
    return DefaultUrlNormalizationStep;
}());
exports.DefaultUrlNormalizationStep = DefaultUrlNormalizationStep;

},{}],7:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.NormalizationPipeline = void 0;
var NormalizationPipeline = /** @class */ (function () {
    function NormalizationPipeline() {
        var args = [];
        for (var _i = 0; _i < arguments.length; _i++) {
            args[_i] = arguments[_i];
        }
        this.finalStep = function (input) { return input; };
        this._steps = args || [];
    }
    Object.defineProperty(NormalizationPipeline.prototype, "steps", {
        get: function () {
            return this._steps;
        },
        enumerable: false,
        configurable: true
    });
    NormalizationPipeline.prototype.addStep = function (step) {
        if (!step) {
            return;
        }
        this._steps.push(step);
    };
    NormalizationPipeline.prototype.execute = function (input) {
        if (this._steps.length === 0) {
            return input;
        }
        var nextChain = this.finalStep;
        var _loop_1 = function (i) {
            var step = this_1._steps[i];
            var next = nextChain;
            nextChain = function (input) {
                return step.execute(input, next);
            };
        };
        var this_1 = this;
        for (var i = this._steps.length - 1; i > 0; i--) {
            _loop_1(i);
        }
        return this._steps[0].execute(input, nextChain);
    };
    return NormalizationPipeline;
}());
exports.NormalizationPipeline = NormalizationPipeline;

},{}],8:[function(require,module,exports){
"use strict";
var __awaiter = (this && this.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
var __generator = (this && this.__generator) || function (thisArg, body) {
    var _ = { label: 0, sent: function() { if (t[0] & 1) throw t[1]; return t[1]; }, trys: [], ops: [] }, f, y, t, g = Object.create((typeof Iterator === "function" ? Iterator : Object).prototype);
    return g.next = verb(0), g["throw"] = verb(1), g["return"] = verb(2), typeof Symbol === "function" && (g[Symbol.iterator] = function() { return this; }), g;
    function verb(n) { return function (v) { return step([n, v]); }; }
    function step(op) {
        if (f) throw new TypeError("Generator is already executing.");
        while (g && (g = 0, op[0] && (_ = 0)), _) try {
            if (f = 1, y && (t = op[0] & 2 ? y["return"] : op[0] ? y["throw"] || ((t = y["return"]) && t.call(y), 0) : y.next) && !(t = t.call(y, op[1])).done) return t;
            if (y = 0, t) op = [op[0] & 2, t.value];
            switch (op[0]) {
                case 0: case 1: t = op; break;
                case 4: _.label++; return { value: op[1], done: false };
                case 5: _.label++; y = op[1]; op = [0]; continue;
                case 7: op = _.ops.pop(); _.trys.pop(); continue;
                default:
                    if (!(t = _.trys, t = t.length > 0 && t[t.length - 1]) && (op[0] === 6 || op[0] === 2)) { _ = 0; continue; }
                    if (op[0] === 3 && (!t || (op[1] > t[0] && op[1] < t[3]))) { _.label = op[1]; break; }
                    if (op[0] === 6 && _.label < t[1]) { _.label = t[1]; t = op; break; }
                    if (t && _.label < t[2]) { _.label = t[2]; _.ops.push(op); break; }
                    if (t[2]) _.ops.pop();
                    _.trys.pop(); continue;
            }
            op = body.call(thisArg, _);
        } catch (e) { op = [6, e]; y = 0; } finally { f = t = 0; }
        if (op[0] & 5) throw op[1]; return { value: op[0] ? op[1] : void 0, done: true };
    }
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.BaseVerifyActionService = void 0;
var BaseVerifyActionService = /** @class */ (function () {
    function BaseVerifyActionService(httpRequest) {
        this.httpRequest = httpRequest;
    }
    BaseVerifyActionService.prototype.verify = function (customerId, waitingRoomId, queueId, queueIdUsageLimit, apiKey, actionName) {
        return __awaiter(this, void 0, void 0, function () {
            var userHostAddress, absoluteUri, userAgent, requestDto, result;
            return __generator(this, function (_a) {
                switch (_a.label) {
                    case 0:
                        userHostAddress = this.httpRequest.getUserHostAddress();
                        absoluteUri = this.httpRequest.getAbsoluteUri();
                        userAgent = this.httpRequest.getUserAgent();
                        requestDto = {
                            url: absoluteUri,
                            ip: userHostAddress,
                            actionName: actionName,
                            userAgent: userAgent
                        };
                        return [4 /*yield*/, this.postVerifyActionAsync(customerId, waitingRoomId, queueId, queueIdUsageLimit, apiKey, requestDto)];
                    case 1:
                        result = _a.sent();
                        return [2 /*return*/, result.actionAllowed];
                }
            });
        });
    };
    return BaseVerifyActionService;
}());
exports.BaseVerifyActionService = BaseVerifyActionService;

},{}],9:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.VerifyActionResultDTO = void 0;
var VerifyActionResultDTO = /** @class */ (function () {
    function VerifyActionResultDTO(actionAllowed, usedQueueIdCount) {
        this.actionAllowed = actionAllowed;
        this.usedQueueIdCount = usedQueueIdCount;
    }
    return VerifyActionResultDTO;
}());
exports.VerifyActionResultDTO = VerifyActionResultDTO;

},{}],10:[function(require,module,exports){
"use strict";
var __values = (this && this.__values) || function(o) {
    var s = typeof Symbol === "function" && Symbol.iterator, m = s && o[s], i = 0;
    if (m) return m.call(o);
    if (o && typeof o.length === "number") return {
        next: function () {
            if (o && i >= o.length) o = void 0;
            return { value: o && o[i++], done: !o };
        }
    };
    throw new TypeError(s ? "Object is not iterable." : "Symbol.iterator is not defined.");
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.DefaultEnqueueTokenProvider = void 0;
var TokenOrigin_1 = require("@queue-it/queue-token/dist/model/TokenOrigin");
var queueitHelpers_1 = require("./queueitHelpers");
var DefaultEnqueueTokenProvider = /** @class */ (function () {
    function DefaultEnqueueTokenProvider(customerId, secretKey, validityTime, clientIp, withKey, tokenGenerator, payLoadGenerator, xForwardedFor) {
        this._customerId = customerId;
        this._secretKey = secretKey;
        this._validityTime = validityTime;
        this._clientIp = clientIp;
        this._withKey = withKey;
        this._tokenGenerator = tokenGenerator;
        this._payLoadGenerator = payLoadGenerator;
        this._xForwardedFor = xForwardedFor;
    }
    DefaultEnqueueTokenProvider.prototype.getEnqueueToken = function (waitingRoomId) {
        var e_1, _a;
        var payload = this._payLoadGenerator.Enqueue();
        var customData = this.getEnqueueTokenCustomData(waitingRoomId);
        try {
            for (var customData_1 = __values(customData), customData_1_1 = customData_1.next(); !customData_1_1.done; customData_1_1 = customData_1.next()) {
                var data = customData_1_1.value;
                payload = payload.WithCustomData(data.key, data.value);
            }
        }
        catch (e_1_1) { e_1 = { error: e_1_1 }; }
        finally {
            try {
                if (customData_1_1 && !customData_1_1.done && (_a = customData_1.return)) _a.call(customData_1);
            }
            finally { if (e_1) throw e_1.error; }
        }
        if (this._withKey) {
            payload = payload.WithKey(this.getEnqueueTokenKey(waitingRoomId));
        }
        var token = this._tokenGenerator
            .Enqueue(this._customerId)
            .WithPayload(payload.WithOrigin(TokenOrigin_1.TokenOrigin.Connector).Generate())
            .WithEventId(waitingRoomId)
            .WithIpAddress(this._clientIp, this._xForwardedFor)
            .WithValidity(this._validityTime)
            .Generate(this._secretKey);
        return token.Token;
    };
    DefaultEnqueueTokenProvider.prototype.getEnqueueTokenKey = function (waitingRoomId) {
        if (!this._withKey) {
            return null;
        }
        return queueitHelpers_1.Utils.generateUUID();
    };
    DefaultEnqueueTokenProvider.prototype.getEnqueueTokenCustomData = function (waitingRoomId) {
        return [];
    };
    return DefaultEnqueueTokenProvider;
}());
exports.DefaultEnqueueTokenProvider = DefaultEnqueueTokenProvider;

},{"./queueitHelpers":13,"@queue-it/queue-token/dist/model/TokenOrigin":16}],11:[function(require,module,exports){
"use strict";
var __awaiter = (this && this.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
var __generator = (this && this.__generator) || function (thisArg, body) {
    var _ = { label: 0, sent: function() { if (t[0] & 1) throw t[1]; return t[1]; }, trys: [], ops: [] }, f, y, t, g = Object.create((typeof Iterator === "function" ? Iterator : Object).prototype);
    return g.next = verb(0), g["throw"] = verb(1), g["return"] = verb(2), typeof Symbol === "function" && (g[Symbol.iterator] = function() { return this; }), g;
    function verb(n) { return function (v) { return step([n, v]); }; }
    function step(op) {
        if (f) throw new TypeError("Generator is already executing.");
        while (g && (g = 0, op[0] && (_ = 0)), _) try {
            if (f = 1, y && (t = op[0] & 2 ? y["return"] : op[0] ? y["throw"] || ((t = y["return"]) && t.call(y), 0) : y.next) && !(t = t.call(y, op[1])).done) return t;
            if (y = 0, t) op = [op[0] & 2, t.value];
            switch (op[0]) {
                case 0: case 1: t = op; break;
                case 4: _.label++; return { value: op[1], done: false };
                case 5: _.label++; y = op[1]; op = [0]; continue;
                case 7: op = _.ops.pop(); _.trys.pop(); continue;
                default:
                    if (!(t = _.trys, t = t.length > 0 && t[t.length - 1]) && (op[0] === 6 || op[0] === 2)) { _ = 0; continue; }
                    if (op[0] === 3 && (!t || (op[1] > t[0] && op[1] < t[3]))) { _.label = op[1]; break; }
                    if (op[0] === 6 && _.label < t[1]) { _.label = t[1]; t = op; break; }
                    if (t && _.label < t[2]) { _.label = t[2]; _.ops.push(op); break; }
                    if (t[2]) _.ops.pop();
                    _.trys.pop(); continue;
            }
            op = body.call(thisArg, _);
        } catch (e) { op = [6, e]; y = 0; } finally { f = t = 0; }
        if (op[0] & 5) throw op[1]; return { value: op[0] ? op[1] : void 0, done: true };
    }
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.KnownUser = void 0;
var Debugging_1 = require("./Debugging");
var integrationConfigHelpers_1 = require("./IntegrationConfig/integrationConfigHelpers");
var models_1 = require("./models");
var queueitHelpers_1 = require("./queueitHelpers");
var userInQueueService_1 = require("./userInQueueService");
var userInQueueStateCookieRepository_1 = require("./userInQueueStateCookieRepository");
var KnownUser = /** @class */ (function () {
    function KnownUser() {
    }
    KnownUser.getUserInQueueService = function (contextProvider, debugService) {
        if (!this.UserInQueueService) {
            return new userInQueueService_1.UserInQueueService(contextProvider, new userInQueueStateCookieRepository_1.UserInQueueStateCookieRepository(contextProvider), debugService);
        }
        return this.UserInQueueService;
    };
    KnownUser.isQueueAjaxCall = function (contextProvider) {
        return Boolean(contextProvider
            .getHttpRequest()
            .getHeader(this.QueueITAjaxHeaderKey));
    };
    KnownUser.generateTargetUrl = function (originalTargetUrl, contextProvider) {
        if (this.isQueueAjaxCall(contextProvider)) {
            var ajaxPageUrlHeader = contextProvider
                .getHttpRequest()
                .getHeader(this.QueueITAjaxHeaderKey);
            try {
                return decodeURIComponent(ajaxPageUrlHeader);
            }
            catch (_a) {
                return "";
            }
        }
        return originalTargetUrl;
    };
    KnownUser.logExtraRequestDetails = function (contextProvider, debugService) {
        debugService.addDebugEntry("ServerUtcTime", new Date().toISOString().split(".")[0] + "Z");
        debugService.addDebugEntry("RequestIP", contextProvider.getHttpRequest().getUserHostAddress());
        debugService.addDebugEntry("RequestHttpHeader_Via", contextProvider.getHttpRequest().getHeader("Via"));
        debugService.addDebugEntry("RequestHttpHeader_Forwarded", contextProvider.getHttpRequest().getHeader("Forwarded"));
        debugService.addDebugEntry("RequestHttpHeader_XForwardedFor", contextProvider.getHttpRequest().getHeader("X-Forwarded-For"));
        debugService.addDebugEntry("RequestHttpHeader_XForwardedHost", contextProvider.getHttpRequest().getHeader("X-Forwarded-Host"));
        debugService.addDebugEntry("RequestHttpHeader_XForwardedProto", contextProvider.getHttpRequest().getHeader("X-Forwarded-Proto"));
    };
    KnownUser._resolveQueueRequestByLocalConfig = function (targetUrl, queueitToken, queueConfig, customerId, secretKey, contextProvider, apiKey, debugService) {
        return __awaiter(this, void 0, void 0, function () {
            var userInQueueService, result;
            return __generator(this, function (_a) {
                switch (_a.label) {
                    case 0:
                        if (debugService.isConnectorDiagnosticEnabled()) {
                            debugService.addDebugEntry("SdkVersion", userInQueueService_1.UserInQueueService.SDK_VERSION);
                            debugService.addDebugEntry("TargetUrl", targetUrl);
                            debugService.addDebugEntry("QueueitToken", queueitToken);
                            debugService.addDebugEntry("OriginalUrl", contextProvider.getHttpRequest().getAbsoluteUri());
                            debugService.addDebugEntry("QueueConfig", queueConfig !== null ? queueConfig.getString() : "NULL");
                            this.logExtraRequestDetails(contextProvider, debugService);
                        }
                        if (!customerId) {
                            throw new models_1.ConnectorException("customerId can not be null or empty.");
                        }
                        if (!secretKey) {
                            throw new models_1.ConnectorException("secretKey can not be null or empty.");
                        }
                        if (!queueConfig) {
                            throw new models_1.ConnectorException("queueConfig can not be null.");
                        }
                        if (!queueConfig.eventId) {
                            throw new models_1.ConnectorException("queueConfig.eventId can not be null or empty.");
                        }
                        if (!queueConfig.queueDomain) {
                            throw new models_1.ConnectorException("queueConfig.queueDomain can not be null or empty.");
                        }
                        if (queueConfig.cookieValidityMinute <= 0) {
                            throw new models_1.ConnectorException("queueConfig.cookieValidityMinute should be integer greater than 0.");
                        }
                        userInQueueService = this.getUserInQueueService(contextProvider, debugService);
                        return [4 /*yield*/, userInQueueService.validateQueueRequest(targetUrl, queueitToken, queueConfig, customerId, secretKey, apiKey)];
                    case 1:
                        result = _a.sent();
                        result.isAjaxResult = this.isQueueAjaxCall(contextProvider);
                        return [2 /*return*/, result];
                }
            });
        });
    };
    KnownUser._cancelRequestByLocalConfig = function (targetUrl, queueitToken, cancelConfig, customerId, secretKey, contextProvider, debugService) {
        var _a;
        targetUrl = this.generateTargetUrl(targetUrl, contextProvider);
        if (debugService.isConnectorDiagnosticEnabled()) {
            debugService.addDebugEntry("SdkVersion", userInQueueService_1.UserInQueueService.SDK_VERSION);
            debugService.addDebugEntry("TargetUrl", targetUrl);
            debugService.addDebugEntry("QueueitToken", queueitToken);
            debugService.addDebugEntry("CancelConfig", cancelConfig !== null ? cancelConfig.getString() : "NULL");
            debugService.addDebugEntry("OriginalUrl", contextProvider.getHttpRequest().getAbsoluteUri());
            this.logExtraRequestDetails(contextProvider, debugService);
        }
        if (!customerId) {
            throw new models_1.ConnectorException("customerId can not be null or empty.");
        }
        if (!secretKey) {
            throw new models_1.ConnectorException("secretKey can not be null or empty.");
        }
        if (!cancelConfig) {
            throw new models_1.ConnectorException("cancelConfig can not be null.");
        }
        if (!(((_a = cancelConfig.waitingRoomIds) === null || _a === void 0 ? void 0 : _a.length) > 0)) {
            throw new models_1.ConnectorException("cancelConfig.waitingRoomIds can not be null or empty.");
        }
        if (!cancelConfig.queueDomain) {
            throw new models_1.ConnectorException("cancelConfig.queueDomain can not be null or empty.");
        }
        var userInQueueService = this.getUserInQueueService(contextProvider, debugService);
        var result = userInQueueService.validateCancelRequest(targetUrl, cancelConfig, customerId, secretKey);
        result.isAjaxResult = this.isQueueAjaxCall(contextProvider);
        return result;
    };
    KnownUser.handleQueueAction = function (currentUrlWithoutQueueITToken, queueitToken, customerIntegrationInfo, customerId, secretKey, matchedConfig, contextProvider, apiKey, debugService) {
        return __awaiter(this, void 0, void 0, function () {
            var targetUrl, queueEventConfig;
            return __generator(this, function (_a) {
                switch (_a.label) {
                    case 0:
                        switch (matchedConfig.RedirectLogic) {
                            case "ForcedTargetUrl":
                                targetUrl = matchedConfig.ForcedTargetUrl;
                                break;
                            case "EventTargetUrl":
                                targetUrl = "";
                                break;
                            default:
                                targetUrl = this.generateTargetUrl(currentUrlWithoutQueueITToken, contextProvider);
                                break;
                        }
                        queueEventConfig = new models_1.QueueEventConfig(matchedConfig.EventId, matchedConfig.InvolvedWaitingRoomIds, matchedConfig.LayoutName, matchedConfig.Culture, matchedConfig.QueueDomain, matchedConfig.QueuePathPrefix, matchedConfig.ExtendCookieValidity, matchedConfig.CookieValidityMinute, matchedConfig.CookieDomain, matchedConfig.IsCookieHttpOnly || false, matchedConfig.IsCookieSecure || false, customerIntegrationInfo.Version, matchedConfig.Name, matchedConfig.VerifyQueueIdEnabled, matchedConfig.QueueIdUsageLimit);
                        return [4 /*yield*/, this._resolveQueueRequestByLocalConfig(targetUrl, queueitToken, queueEventConfig, customerId, secretKey, contextProvider, apiKey, debugService)];
                    case 1: return [2 /*return*/, _a.sent()];
                }
            });
        });
    };
    KnownUser.handleCancelAction = function (currentUrlWithoutQueueITToken, queueitToken, customerIntegrationInfo, customerId, secretKey, matchedConfig, contextProvider, debugService) {
        var waitingRoomIds = queueitHelpers_1.Utils.concatenateWaitingRoomIds(matchedConfig.EventId, matchedConfig.InvolvedWaitingRoomIds);
        var cancelEventConfig = new models_1.CancelEventConfig(waitingRoomIds, matchedConfig.QueueDomain, matchedConfig.QueuePathPrefix, matchedConfig.CookieDomain, matchedConfig.IsCookieHttpOnly || false, matchedConfig.IsCookieSecure || false, customerIntegrationInfo.Version, matchedConfig.Name);
        return this._cancelRequestByLocalConfig(currentUrlWithoutQueueITToken, queueitToken, cancelEventConfig, customerId, secretKey, contextProvider, debugService);
    };
    KnownUser.handleIgnoreAction = function (contextProvider, actionName, debugService) {
        var userInQueueService = this.getUserInQueueService(contextProvider, debugService);
        var result = userInQueueService.getIgnoreResult(actionName);
        result.isAjaxResult = this.isQueueAjaxCall(contextProvider);
        return result;
    };
    KnownUser.extendQueueCookie = function (eventId, cookieValidityMinute, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey, contextProvider) {
        if (!eventId) {
            throw new models_1.ConnectorException("eventId can not be null or empty.");
        }
        if (!secretKey) {
            throw new models_1.ConnectorException("secretKey can not be null or empty.");
        }
        if (cookieValidityMinute <= 0) {
            throw new models_1.ConnectorException("cookieValidityMinute should be integer greater than 0.");
        }
        var debugService = Debugging_1.DebugService.createWithNoConnectorDiagnostics(contextProvider);
        var userInQueueService = this.getUserInQueueService(contextProvider, debugService);
        userInQueueService.extendQueueCookie(eventId, cookieValidityMinute, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey);
    };
    KnownUser.resolveQueueRequestByLocalConfig = function (targetUrl, queueitToken, queueConfig, customerId, secretKey, contextProvider, apiKey) {
        return __awaiter(this, void 0, void 0, function () {
            var debugService, err_1;
            return __generator(this, function (_a) {
                switch (_a.label) {
                    case 0:
                        debugService = Debugging_1.DebugService.create(customerId, secretKey, queueitToken, contextProvider);
                        if (debugService.hasValidationError()) {
                            return [2 /*return*/, debugService.getValidationErrorResult()];
                        }
                        _a.label = 1;
                    case 1:
                        _a.trys.push([1, 3, 4, 5]);
                        targetUrl = this.generateTargetUrl(targetUrl, contextProvider);
                        return [4 /*yield*/, this._resolveQueueRequestByLocalConfig(targetUrl, queueitToken, queueConfig, customerId, secretKey, contextProvider, apiKey, debugService)];
                    case 2: return [2 /*return*/, _a.sent()];
                    case 3:
                        err_1 = _a.sent();
                        if (debugService.isConnectorDiagnosticEnabled() && err_1 instanceof Error) {
                            debugService.addDebugEntry("Exception", err_1.message);
                        }
                        throw err_1;
                    case 4:
                        debugService.flushDebugEntriesToCookie();
                        return [7 /*endfinally*/];
                    case 5: return [2 /*return*/];
                }
            });
        });
    };
    KnownUser.validateRequestByIntegrationConfig = function (currentUrlWithoutQueueITToken, queueitToken, integrationsConfigString, customerId, secretKey, contextProvider, apiKey) {
        return __awaiter(this, void 0, void 0, function () {
            var debugService, customerIntegrationInfo, configEvaluator, matchedConfig, _a, err_2;
            return __generator(this, function (_b) {
                switch (_b.label) {
                    case 0:
                        debugService = Debugging_1.DebugService.create(customerId, secretKey, queueitToken, contextProvider);
                        if (debugService.hasValidationError()) {
                            return [2 /*return*/, debugService.getValidationErrorResult()];
                        }
                        _b.label = 1;
                    case 1:
                        _b.trys.push([1, 7, 8, 9]);
                        if (debugService.isConnectorDiagnosticEnabled()) {
                            debugService.addDebugEntry("SdkVersion", userInQueueService_1.UserInQueueService.SDK_VERSION);
                            debugService.addDebugEntry("PureUrl", currentUrlWithoutQueueITToken);
                            debugService.addDebugEntry("QueueitToken", queueitToken);
                            debugService.addDebugEntry("OriginalUrl", contextProvider.getHttpRequest().getAbsoluteUri());
                            this.logExtraRequestDetails(contextProvider, debugService);
                        }
                        customerIntegrationInfo = JSON.parse(integrationsConfigString);
                        if (debugService.isConnectorDiagnosticEnabled()) {
                            debugService.addDebugEntry("ConfigVersion", customerIntegrationInfo && customerIntegrationInfo.Version ? customerIntegrationInfo.Version.toString() : "NULL");
                        }
                        if (!currentUrlWithoutQueueITToken) {
                            throw new models_1.ConnectorException("currentUrlWithoutQueueITToken can not be null or empty.");
                        }
                        if (!customerIntegrationInfo || !customerIntegrationInfo.Version) {
                            throw new models_1.ConnectorException("integrationsConfigString can not be null or empty.");
                        }
                        configEvaluator = new integrationConfigHelpers_1.IntegrationEvaluator();
                        matchedConfig = configEvaluator.getMatchedIntegrationConfig(customerIntegrationInfo, currentUrlWithoutQueueITToken, contextProvider);
                        if (debugService.isConnectorDiagnosticEnabled()) {
                            debugService.addDebugEntry("MatchedConfig", matchedConfig ? matchedConfig.Name : "NULL");
                        }
                        if (!matchedConfig) {
                            return [2 /*return*/, new models_1.RequestValidationResult(null, null, null, null, null, null, null)];
                        }
                        _a = matchedConfig.ActionType;
                        switch (_a) {
                            case models_1.ActionTypes.QueueAction: return [3 /*break*/, 2];
                            case models_1.ActionTypes.CancelAction: return [3 /*break*/, 4];
                        }
                        return [3 /*break*/, 5];
                    case 2: return [4 /*yield*/, this.handleQueueAction(currentUrlWithoutQueueITToken, queueitToken, customerIntegrationInfo, customerId, secretKey, matchedConfig, contextProvider, apiKey, debugService)];
                    case 3: return [2 /*return*/, _b.sent()];
                    case 4:
                        {
                            return [2 /*return*/, this.handleCancelAction(currentUrlWithoutQueueITToken, queueitToken, customerIntegrationInfo, customerId, secretKey, matchedConfig, contextProvider, debugService)];
                        }
                        _b.label = 5;
                    case 5:
                        {
                            return [2 /*return*/, this.handleIgnoreAction(contextProvider, matchedConfig.Name, debugService)];
                        }
                        _b.label = 6;
                    case 6: return [3 /*break*/, 9];
                    case 7:
                        err_2 = _b.sent();
                        if (debugService.isConnectorDiagnosticEnabled() && err_2 instanceof Error) {
                            debugService.addDebugEntry("Exception", err_2.message);
                        }
                        throw err_2;
                    case 8:
                        debugService.flushDebugEntriesToCookie();
                        return [7 /*endfinally*/];
                    case 9: return [2 /*return*/];
                }
            });
        });
    };
    KnownUser.cancelRequestByLocalConfig = function (targetUrl, queueitToken, cancelConfig, customerId, secretKey, contextProvider) {
        var debugService = Debugging_1.DebugService.create(customerId, secretKey, queueitToken, contextProvider);
        if (debugService.hasValidationError()) {
            return debugService.getValidationErrorResult();
        }
        try {
            return this._cancelRequestByLocalConfig(targetUrl, queueitToken, cancelConfig, customerId, secretKey, contextProvider, debugService);
        }
        catch (err) {
            if (debugService.isConnectorDiagnosticEnabled() && err instanceof Error) {
                debugService.addDebugEntry("Exception", err.message);
            }
            throw err;
        }
        finally {
            debugService.flushDebugEntriesToCookie();
        }
    };
    KnownUser.QueueITTokenKey = "queueittoken";
    KnownUser.QueueITAjaxHeaderKey = "x-queueit-ajaxpageurl";
    KnownUser.UserInQueueService = null;
    return KnownUser;
}());
exports.KnownUser = KnownUser;

},{"./Debugging":2,"./IntegrationConfig/integrationConfigHelpers":3,"./models":12,"./queueitHelpers":13,"./userInQueueService":14,"./userInQueueStateCookieRepository":15}],12:[function(require,module,exports){
"use strict";
var __extends = (this && this.__extends) || (function () {
    var extendStatics = function (d, b) {
        extendStatics = Object.setPrototypeOf ||
            ({ __proto__: [] } instanceof Array && function (d, b) { d.__proto__ = b; }) ||
            function (d, b) { for (var p in b) if (Object.prototype.hasOwnProperty.call(b, p)) d[p] = b[p]; };
        return extendStatics(d, b);
    };
    return function (d, b) {
        if (typeof b !== "function" && b !== null)
            throw new TypeError("Class extends value " + String(b) + " is not a constructor or null");
        extendStatics(d, b);
        function __() { this.constructor = d; }
        d.prototype = b === null ? Object.create(b) : (__.prototype = b.prototype, new __());
    };
})();
Object.defineProperty(exports, "__esModule", { value: true });
exports.ActionTypes = exports.MissingSha256ImplementationException = exports.ConnectorException = exports.RequestValidationResult = exports.CancelEventConfig = exports.QueueEventConfig = void 0;
var queueitHelpers_1 = require("./queueitHelpers");
var QueueEventConfig = /** @class */ (function () {
    function QueueEventConfig(eventId, allowedWaitingRoomIds, layoutName, culture, queueDomain, queuePathPrefix, extendCookieValidity, cookieValidityMinute, cookieDomain, isCookieHttpOnly, isCookieSecure, version, actionName, verifyActionEnabled, queueIdUsageLimit) {
        if (actionName === void 0) { actionName = "unspecified"; }
        if (verifyActionEnabled === void 0) { verifyActionEnabled = false; }
        if (queueIdUsageLimit === void 0) { queueIdUsageLimit = null; }
        this.eventId = eventId;
        this.allowedWaitingRoomIds = allowedWaitingRoomIds;
        this.layoutName = layoutName;
        this.culture = culture;
        this.queueDomain = queueDomain;
        this.queuePathPrefix = queuePathPrefix;
        this.extendCookieValidity = extendCookieValidity;
        this.cookieValidityMinute = cookieValidityMinute;
        this.cookieDomain = cookieDomain;
        this.isCookieHttpOnly = isCookieHttpOnly;
        this.isCookieSecure = isCookieSecure;
        this.version = version;
        this.actionName = actionName;
        this.verifyActionEnabled = verifyActionEnabled;
        this.queueIdUsageLimit = queueIdUsageLimit;
        if (!this.allowedWaitingRoomIds) {
            this.allowedWaitingRoomIds = [];
        }
        if (!this.queuePathPrefix) {
            this.queuePathPrefix = "";
        }
    }
    QueueEventConfig.prototype.getString = function () {
        return ("EventId:".concat(this.eventId) +
            "&AllowedWaitingRoomIds:".concat(this.allowedWaitingRoomIds.join(",")) +
            "&Version:".concat(this.version) +
            "&ActionName:".concat(this.actionName) +
            "&QueueDomain:".concat(this.queueDomain) +
            "&QueuePathPrefix:".concat(this.queuePathPrefix || "") +
            "&CookieDomain:".concat(this.cookieDomain) +
            "&IsCookieHttpOnly:".concat(this.isCookieHttpOnly) +
            "&IsCookieSecure:".concat(this.isCookieSecure) +
            "&ExtendCookieValidity:".concat(this.extendCookieValidity) +
            "&CookieValidityMinute:".concat(this.cookieValidityMinute) +
            "&LayoutName:".concat(this.layoutName) +
            "&Culture:".concat(this.culture) +
            "&VerifyActionEnabled:".concat(this.verifyActionEnabled) +
            "&QueueIdUsageLimit:".concat(this.queueIdUsageLimit || ""));
    };
    QueueEventConfig.prototype.getAllWaitingRoomIds = function () {
        return queueitHelpers_1.Utils.concatenateWaitingRoomIds(this.eventId, this.allowedWaitingRoomIds);
    };
    return QueueEventConfig;
}());
exports.QueueEventConfig = QueueEventConfig;
var CancelEventConfig = /** @class */ (function () {
    function CancelEventConfig(waitingRoomIds, queueDomain, queuePathPrefix, cookieDomain, isCookieHttpOnly, isCookieSecure, version, actionName) {
        if (actionName === void 0) { actionName = "unspecified"; }
        this.waitingRoomIds = waitingRoomIds;
        this.queueDomain = queueDomain;
        this.queuePathPrefix = queuePathPrefix;
        this.cookieDomain = cookieDomain;
        this.isCookieHttpOnly = isCookieHttpOnly;
        this.isCookieSecure = isCookieSecure;
        this.version = version;
        this.actionName = actionName;
        if (!this.queuePathPrefix) {
            this.queuePathPrefix = "";
        }
    }
    CancelEventConfig.prototype.getString = function () {
        return ("WaitingRoomIds:".concat(this.waitingRoomIds.join(",")) +
            "&Version:".concat(this.version) +
            "&QueueDomain:".concat(this.queueDomain) +
            (this.queuePathPrefix ? "&QueuePathPrefix:".concat(this.queuePathPrefix) : "") +
            "&CookieDomain:".concat(this.cookieDomain) +
            "&IsCookieHttpOnly:".concat(this.isCookieHttpOnly) +
            "&IsCookieSecure:".concat(this.isCookieSecure) +
            "&ActionName:".concat(this.actionName));
    };
    CancelEventConfig.prototype.getAllWaitingRoomIds = function () {
        return this.waitingRoomIds;
    };
    return CancelEventConfig;
}());
exports.CancelEventConfig = CancelEventConfig;
var RequestValidationResult = /** @class */ (function () {
    function RequestValidationResult(actionType, eventId, involvedWaitingRoomIds, queueId, redirectUrl, redirectType, actionName) {
        this.actionType = actionType;
        this.eventId = eventId;
        this.involvedWaitingRoomIds = involvedWaitingRoomIds;
        this.queueId = queueId;
        this.redirectUrl = redirectUrl;
        this.redirectType = redirectType;
        this.actionName = actionName;
    }
    RequestValidationResult.prototype.doRedirect = function () {
        return Boolean(this.redirectUrl);
    };
    RequestValidationResult.prototype.getAjaxQueueRedirectHeaderKey = function () {
        return "x-queueit-redirect";
    };
    RequestValidationResult.prototype.getAjaxRedirectUrl = function () {
        if (this.redirectUrl) {
            return queueitHelpers_1.Utils.encodeURIComponent(this.redirectUrl);
        }
        return "";
    };
    return RequestValidationResult;
}());
exports.RequestValidationResult = RequestValidationResult;
var ConnectorException = /** @class */ (function (_super) {
    __extends(ConnectorException, _super);
    function ConnectorException(message) {
        var _this = _super.call(this, message) || this;
        _this.message = message;
        return _this;
    }
    return ConnectorException;
}(Error));
exports.ConnectorException = ConnectorException;
exports.MissingSha256ImplementationException = new ConnectorException("Missing implementation for generateSHA256Hash");
var ActionTypes = /** @class */ (function () {
    function ActionTypes() {
    }
    ActionTypes.QueueAction = "Queue";
    ActionTypes.CancelAction = "Cancel";
    ActionTypes.IgnoreAction = "Ignore";
    return ActionTypes;
}());
exports.ActionTypes = ActionTypes;

},{"./queueitHelpers":13}],13:[function(require,module,exports){
"use strict";
var __values = (this && this.__values) || function(o) {
    var s = typeof Symbol === "function" && Symbol.iterator, m = s && o[s], i = 0;
    if (m) return m.call(o);
    if (o && typeof o.length === "number") return {
        next: function () {
            if (o && i >= o.length) o = void 0;
            return { value: o && o[i++], done: !o };
        }
    };
    throw new TypeError(s ? "Object is not iterable." : "Symbol.iterator is not defined.");
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.SessionValidationResult = exports.InvalidSessionStringBuilder = exports.ConnectorDiagnostics = exports.CookieHelper = exports.QueueParameterHelper = exports.QueueUrlParams = exports.Utils = exports.ErrorCode = void 0;
var models_1 = require("./models");
var ErrorCode;
(function (ErrorCode) {
    ErrorCode["Hash"] = "hash";
    ErrorCode["Timestamp"] = "timestamp";
    ErrorCode["CookieSessionState"] = "connector/sessionstate";
})(ErrorCode || (exports.ErrorCode = ErrorCode = {}));
var Utils = /** @class */ (function () {
    function Utils() {
    }
    Utils.encodeURIComponent = function (url) {
        if (!url) {
            return "";
        }
        try {
            var encoded = encodeURIComponent(url);
            return encoded.replace(/[!'()*]/g, function (c) {
                // More stringent in adhering to RFC 3986 (which reserves!, ', (, ), and *)
                // https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/encodeURIComponent
                return "%" + c.charCodeAt(0).toString(16);
            });
        }
        catch (_a) {
            return "";
        }
    };
    Utils.generateSHA256Hash = function (secretKey, stringToHash, context) {
        var cryptoProvider;
        if ((context === null || context === void 0 ? void 0 : context.getCryptoProvider) && (cryptoProvider = context.getCryptoProvider())) {
            return cryptoProvider.getSha256Hash(secretKey, stringToHash);
        }
        throw models_1.MissingSha256ImplementationException;
    };
    Utils.endsWith = function (str, search) {
        if (str === search) {
            return true;
        }
        if (!str || !search) {
            return false;
        }
        return str.substring(str.length - search.length, str.length) === search;
    };
    Utils.getCurrentTime = function () {
        return Math.floor(new Date().getTime() / 1000);
    };
    Utils.bin2hex = function (s) {
        var i;
        var l;
        var o = "";
        var n;
        s += "";
        for (i = 0, l = s.length; i < l; i++) {
            n = s.charCodeAt(i).toString(16);
            o += n.length < 2 ? "0" + n : n;
        }
        return o;
    };
    Utils.generateUUID = function () {
        var s = [];
        var hexDigits = "0123456789abcdef";
        for (var i = 0; i < 36; i++) {
            s[i] = hexDigits.substr(Math.floor(Math.random() * 0x10), 1);
        }
        s[14] = "4"; // bits 12-15 of the time_hi_and_version field to 0010
        s[19] = hexDigits.substr(s[19] & 0x3 | 0x8, 1); // bits 6-7 of the clock_seq_hi_and_reserved to 01
        s[8] = s[13] = s[18] = s[23] = "-";
        return s.join("");
    };
    Utils.concatenateWaitingRoomIds = function (eventId, waitingRoomIds) {
        return (eventId ? [eventId] : [])
            .concat(waitingRoomIds ? waitingRoomIds : [])
            .filter(function (element, index, array) { return array.indexOf(element) === index; });
    };
    return Utils;
}());
exports.Utils = Utils;
var QueueUrlParams = /** @class */ (function () {
    function QueueUrlParams() {
        this.timeStamp = 0;
        this.extendableCookie = false;
        this.cookieValidityMinutes = null;
    }
    return QueueUrlParams;
}());
exports.QueueUrlParams = QueueUrlParams;
var QueueParameterHelper = /** @class */ (function () {
    function QueueParameterHelper() {
    }
    QueueParameterHelper.extractQueueParams = function (queueitToken) {
        var e_1, _a;
        try {
            if (!queueitToken) {
                return null;
            }
            var result = new QueueUrlParams();
            result.queueITToken = queueitToken;
            var paramList = result.queueITToken.split(QueueParameterHelper.KeyValueSeparatorGroupChar);
            try {
                for (var paramList_1 = __values(paramList), paramList_1_1 = paramList_1.next(); !paramList_1_1.done; paramList_1_1 = paramList_1.next()) {
                    var paramKeyValue = paramList_1_1.value;
                    var keyValueArr = paramKeyValue.split(QueueParameterHelper.KeyValueSeparatorChar);
                    if (keyValueArr.length !== 2) {
                        continue;
                    }
                    switch (keyValueArr[0]) {
                        case QueueParameterHelper.HashKey:
                            result.hashCode = keyValueArr[1] || "";
                            break;
                        case QueueParameterHelper.TimeStampKey: {
                            result.timeStamp = parseInt(keyValueArr[1]);
                            if (!result.timeStamp) {
                                result.timeStamp = 0;
                            }
                            break;
                        }
                        case QueueParameterHelper.CookieValidityMinutesKey: {
                            result.cookieValidityMinutes = parseInt(keyValueArr[1]);
                            if (!result.cookieValidityMinutes) {
                                result.cookieValidityMinutes = null;
                            }
                            break;
                        }
                        case QueueParameterHelper.EventIdKey:
                            result.eventId = keyValueArr[1] || "";
                            break;
                        case QueueParameterHelper.ExtendableCookieKey: {
                            var extendCookie = (keyValueArr[1] || "false").toLowerCase();
                            result.extendableCookie = extendCookie === "true";
                            break;
                        }
                        case QueueParameterHelper.QueueIdKey:
                            result.queueId = keyValueArr[1] || "";
                            break;
                        case QueueParameterHelper.RedirectTypeKey:
                            result.redirectType = keyValueArr[1] || "";
                            break;
                        case QueueParameterHelper.HashedIPKey:
                            result.hashedIp = keyValueArr[1] || "";
                            break;
                    }
                }
            }
            catch (e_1_1) { e_1 = { error: e_1_1 }; }
            finally {
                try {
                    if (paramList_1_1 && !paramList_1_1.done && (_a = paramList_1.return)) _a.call(paramList_1);
                }
                finally { if (e_1) throw e_1.error; }
            }
            var hashWithPrefix = "".concat(QueueParameterHelper.KeyValueSeparatorGroupChar).concat(QueueParameterHelper.HashKey).concat(QueueParameterHelper.KeyValueSeparatorChar).concat(result.hashCode);
            result.queueITTokenWithoutHash = result.queueITToken.replace(hashWithPrefix, "");
            return result;
        }
        catch (_b) {
            return null;
        }
    };
    QueueParameterHelper.TimeStampKey = "ts";
    QueueParameterHelper.ExtendableCookieKey = "ce";
    QueueParameterHelper.CookieValidityMinutesKey = "cv";
    QueueParameterHelper.HashKey = "h";
    QueueParameterHelper.EventIdKey = "e";
    QueueParameterHelper.QueueIdKey = "q";
    QueueParameterHelper.RedirectTypeKey = "rt";
    QueueParameterHelper.HashedIPKey = "hip";
    QueueParameterHelper.KeyValueSeparatorChar = "_";
    QueueParameterHelper.KeyValueSeparatorGroupChar = "~";
    return QueueParameterHelper;
}());
exports.QueueParameterHelper = QueueParameterHelper;
var CookieHelper = /** @class */ (function () {
    function CookieHelper() {
    }
    CookieHelper.toMapFromValue = function (cookieValue) {
        var e_2, _a;
        try {
            var result = {};
            var items = cookieValue.split("&");
            try {
                for (var items_1 = __values(items), items_1_1 = items_1.next(); !items_1_1.done; items_1_1 = items_1.next()) {
                    var item = items_1_1.value;
                    var keyValue = item.split("=");
                    result[keyValue[0]] = keyValue[1];
                }
            }
            catch (e_2_1) { e_2 = { error: e_2_1 }; }
            finally {
                try {
                    if (items_1_1 && !items_1_1.done && (_a = items_1.return)) _a.call(items_1);
                }
                finally { if (e_2) throw e_2.error; }
            }
            return result;
        }
        catch (_b) {
            return {};
        }
    };
    CookieHelper.toValueFromKeyValueCollection = function (cookieValues) {
        var e_3, _a;
        var values = new Array();
        try {
            for (var cookieValues_1 = __values(cookieValues), cookieValues_1_1 = cookieValues_1.next(); !cookieValues_1_1.done; cookieValues_1_1 = cookieValues_1.next()) {
                var keyVal = cookieValues_1_1.value;
                values.push("".concat(keyVal.key, "=").concat(keyVal.value));
            }
        }
        catch (e_3_1) { e_3 = { error: e_3_1 }; }
        finally {
            try {
                if (cookieValues_1_1 && !cookieValues_1_1.done && (_a = cookieValues_1.return)) _a.call(cookieValues_1);
            }
            finally { if (e_3) throw e_3.error; }
        }
        return values.join("&");
    };
    return CookieHelper;
}());
exports.CookieHelper = CookieHelper;
var ConnectorDiagnostics = /** @class */ (function () {
    function ConnectorDiagnostics() {
        this.isEnabled = false;
        this.hasError = false;
    }
    ConnectorDiagnostics.prototype.setStateWithTokenError = function (customerId, errorCode) {
        this.hasError = true;
        var redirectUrl = "https://".concat(customerId, ".api2.queue-it.net/").concat(customerId, "/diagnostics/connector/error/?code=").concat(errorCode);
        this.validationResult = new models_1.RequestValidationResult("ConnectorDiagnosticsRedirect", null, null, null, redirectUrl, null, null);
    };
    ConnectorDiagnostics.prototype.setStateWithSetupError = function () {
        this.hasError = true;
        this.validationResult = new models_1.RequestValidationResult("ConnectorDiagnosticsRedirect", null, null, null, "https://api2.queue-it.net/diagnostics/connector/error/?code=setup", null, null);
    };
    ConnectorDiagnostics.verify = function (customerId, secretKey, queueitToken, context) {
        var diagnostics = new ConnectorDiagnostics();
        var qParams = QueueParameterHelper.extractQueueParams(queueitToken);
        if (qParams == null) {
            return diagnostics;
        }
        if (qParams.redirectType == null) {
            return diagnostics;
        }
        if (qParams.redirectType !== "debug") {
            return diagnostics;
        }
        if (!(customerId && secretKey)) {
            diagnostics.setStateWithSetupError();
            return diagnostics;
        }
        if (Utils.generateSHA256Hash(secretKey, qParams.queueITTokenWithoutHash, context) != qParams.hashCode) {
            diagnostics.setStateWithTokenError(customerId, ErrorCode.Hash);
            return diagnostics;
        }
        if (qParams.timeStamp < Utils.getCurrentTime()) {
            diagnostics.setStateWithTokenError(customerId, ErrorCode.Timestamp);
            return diagnostics;
        }
        diagnostics.isEnabled = true;
        return diagnostics;
    };
    return ConnectorDiagnostics;
}());
exports.ConnectorDiagnostics = ConnectorDiagnostics;
var InvalidSessionStringBuilder = /** @class */ (function () {
    function InvalidSessionStringBuilder() {
        this.details = new Array();
    }
    InvalidSessionStringBuilder.prototype.add = function (key, value) {
        if (value === void 0) { value = null; }
        if (value) {
            this.details.push("".concat(key, ":").concat(value));
        }
        else {
            this.details.push(key);
        }
    };
    InvalidSessionStringBuilder.prototype.toString = function () {
        return this.details.join(",");
    };
    return InvalidSessionStringBuilder;
}());
exports.InvalidSessionStringBuilder = InvalidSessionStringBuilder;
var SessionValidationResult = /** @class */ (function () {
    function SessionValidationResult(isValid, details, errorCode) {
        if (details === void 0) { details = null; }
        if (errorCode === void 0) { errorCode = null; }
        this.isValid = isValid;
        this.details = details;
        this.errorCode = errorCode;
        this.details = details || {};
    }
    SessionValidationResult.prototype.getInvalidReason = function () {
        var e_4, _a;
        if (this.isValid) {
            return "";
        }
        var builder = new InvalidSessionStringBuilder();
        try {
            for (var _b = __values(Object.keys(this.details)), _c = _b.next(); !_c.done; _c = _b.next()) {
                var resultKey = _c.value;
                builder.add(resultKey, this.details[resultKey]);
            }
        }
        catch (e_4_1) { e_4 = { error: e_4_1 }; }
        finally {
            try {
                if (_c && !_c.done && (_a = _b.return)) _a.call(_b);
            }
            finally { if (e_4) throw e_4.error; }
        }
        return builder.toString();
    };
    SessionValidationResult.newSuccessfulResult = function () {
        return new SessionValidationResult(true);
    };
    SessionValidationResult.newFailedResult = function (errorCode) {
        return new SessionValidationResult(false, null, errorCode);
    };
    SessionValidationResult.setIpBindingValidationDetails = function (hashedIp, clientIp, resultToModify) {
        if (resultToModify === void 0) { resultToModify = null; }
        resultToModify = resultToModify !== null && resultToModify !== void 0 ? resultToModify : new SessionValidationResult(false);
        resultToModify.details.ip = "";
        resultToModify.details.cip = Utils.bin2hex(clientIp);
        resultToModify.details.hip = hashedIp;
        return resultToModify;
    };
    SessionValidationResult.setHashMismatchDetails = function (storedHash, resultToModify) {
        if (resultToModify === void 0) { resultToModify = null; }
        resultToModify = resultToModify !== null && resultToModify !== void 0 ? resultToModify : new SessionValidationResult(false);
        resultToModify.details.hash = "";
        resultToModify.details.h = storedHash;
        return resultToModify;
    };
    SessionValidationResult.setExpiredResultDetails = function (resultToModify) {
        if (resultToModify === void 0) { resultToModify = null; }
        resultToModify = resultToModify !== null && resultToModify !== void 0 ? resultToModify : new SessionValidationResult(false);
        resultToModify.details.expired = "";
        return resultToModify;
    };
    SessionValidationResult.setErrorDetails = function (resultToModify) {
        if (resultToModify === void 0) { resultToModify = null; }
        resultToModify = resultToModify !== null && resultToModify !== void 0 ? resultToModify : new SessionValidationResult(false);
        resultToModify.details.error = "";
        return resultToModify;
    };
    return SessionValidationResult;
}());
exports.SessionValidationResult = SessionValidationResult;

},{"./models":12}],14:[function(require,module,exports){
"use strict";
var __awaiter = (this && this.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
var __generator = (this && this.__generator) || function (thisArg, body) {
    var _ = { label: 0, sent: function() { if (t[0] & 1) throw t[1]; return t[1]; }, trys: [], ops: [] }, f, y, t, g = Object.create((typeof Iterator === "function" ? Iterator : Object).prototype);
    return g.next = verb(0), g["throw"] = verb(1), g["return"] = verb(2), typeof Symbol === "function" && (g[Symbol.iterator] = function() { return this; }), g;
    function verb(n) { return function (v) { return step([n, v]); }; }
    function step(op) {
        if (f) throw new TypeError("Generator is already executing.");
        while (g && (g = 0, op[0] && (_ = 0)), _) try {
            if (f = 1, y && (t = op[0] & 2 ? y["return"] : op[0] ? y["throw"] || ((t = y["return"]) && t.call(y), 0) : y.next) && !(t = t.call(y, op[1])).done) return t;
            if (y = 0, t) op = [op[0] & 2, t.value];
            switch (op[0]) {
                case 0: case 1: t = op; break;
                case 4: _.label++; return { value: op[1], done: false };
                case 5: _.label++; y = op[1]; op = [0]; continue;
                case 7: op = _.ops.pop(); _.trys.pop(); continue;
                default:
                    if (!(t = _.trys, t = t.length > 0 && t[t.length - 1]) && (op[0] === 6 || op[0] === 2)) { _ = 0; continue; }
                    if (op[0] === 3 && (!t || (op[1] > t[0] && op[1] < t[3]))) { _.label = op[1]; break; }
                    if (op[0] === 6 && _.label < t[1]) { _.label = t[1]; t = op; break; }
                    if (t && _.label < t[2]) { _.label = t[2]; _.ops.push(op); break; }
                    if (t[2]) _.ops.pop();
                    _.trys.pop(); continue;
            }
            op = body.call(thisArg, _);
        } catch (e) { op = [6, e]; y = 0; } finally { f = t = 0; }
        if (op[0] & 5) throw op[1]; return { value: op[0] ? op[1] : void 0, done: true };
    }
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.UserInQueueService = exports.InvalidTokenErrorCode = void 0;
var models_1 = require("./models");
var queueitHelpers_1 = require("./queueitHelpers");
var InvalidTokenErrorCode;
(function (InvalidTokenErrorCode) {
    InvalidTokenErrorCode["Hash"] = "hash";
    InvalidTokenErrorCode["WaitingRoomId"] = "eventid";
    InvalidTokenErrorCode["Expired"] = "timestamp";
    InvalidTokenErrorCode["IpBindingMismatch"] = "ip";
    InvalidTokenErrorCode["QueueIdUsageLimit"] = "qidlimit";
})(InvalidTokenErrorCode || (exports.InvalidTokenErrorCode = InvalidTokenErrorCode = {}));
var UserInQueueService = /** @class */ (function () {
    function UserInQueueService(contextProvider, userInQueueStateRepository, debugService) {
        this.contextProvider = contextProvider;
        this.userInQueueStateRepository = userInQueueStateRepository;
        this.debugService = debugService;
    }
    UserInQueueService.prototype.getErrorResult = function (customerId, targetUrl, config, qParams, validationResult) {
        var queueItTokenParam = qParams
            ? "&queueittoken=".concat(qParams.queueITToken)
            : "";
        var query = this.getQueryString(customerId, config.eventId, config.version, config.culture, config.layoutName, config.actionName, validationResult.getInvalidReason());
        query += queueItTokenParam;
        query += "&ts=".concat(queueitHelpers_1.Utils.getCurrentTime());
        var encodedTargetUrl = queueitHelpers_1.Utils.encodeURIComponent(targetUrl);
        if (encodedTargetUrl) {
            query += "&t=".concat(encodedTargetUrl);
        }
        var uriPath = "error/".concat(validationResult.errorCode, "/");
        var redirectUrl = this.generateRedirectUrl(config.queueDomain, config.queuePathPrefix, uriPath, query);
        return new models_1.RequestValidationResult(models_1.ActionTypes.QueueAction, config.eventId, config.allowedWaitingRoomIds, null, redirectUrl, null, config.actionName);
    };
    UserInQueueService.prototype.getQueueResult = function (targetUrl, config, customerId) {
        var _a;
        var enqueueToken = this.contextProvider.getEnqueueTokenProvider &&
            ((_a = this.contextProvider
                .getEnqueueTokenProvider()) === null || _a === void 0 ? void 0 : _a.getEnqueueToken(config.eventId));
        var query = this.getQueryString(customerId, config.eventId, config.version, config.culture, config.layoutName, config.actionName, null, enqueueToken);
        var encodedTargetUrl = queueitHelpers_1.Utils.encodeURIComponent(targetUrl);
        if (encodedTargetUrl) {
            query += "&t=".concat(encodedTargetUrl);
        }
        var redirectUrl = this.generateRedirectUrl(config.queueDomain, config.queuePathPrefix, "", query);
        return new models_1.RequestValidationResult(models_1.ActionTypes.QueueAction, config.eventId, config.allowedWaitingRoomIds, null, redirectUrl, null, config.actionName);
    };
    UserInQueueService.prototype.getQueryString = function (customerId, eventId, configVersion, culture, layoutName, actionName, invalidCookieReason, enqueueToken) {
        var queryStringList = new Array();
        queryStringList.push("c=".concat(queueitHelpers_1.Utils.encodeURIComponent(customerId)));
        queryStringList.push("e=".concat(queueitHelpers_1.Utils.encodeURIComponent(eventId)));
        queryStringList.push("ver=".concat(UserInQueueService.SDK_VERSION));
        queryStringList.push("cver=".concat(configVersion));
        queryStringList.push("man=".concat(queueitHelpers_1.Utils.encodeURIComponent(actionName)));
        if (culture) {
            queryStringList.push("cid=" + queueitHelpers_1.Utils.encodeURIComponent(culture));
        }
        if (layoutName) {
            queryStringList.push("l=" + queueitHelpers_1.Utils.encodeURIComponent(layoutName));
        }
        if (invalidCookieReason) {
            queryStringList.push("icr=" + queueitHelpers_1.Utils.encodeURIComponent(invalidCookieReason));
        }
        if (enqueueToken) {
            queryStringList.push("enqueuetoken=".concat(enqueueToken));
        }
        return queryStringList.join("&");
    };
    UserInQueueService.prototype.generateRedirectUrl = function (queueDomain, queuePathPrefix, uriPath, query) {
        if (!queueitHelpers_1.Utils.endsWith(queueDomain, "/")) {
            queueDomain += "/";
        }
        if (queuePathPrefix.startsWith("/")) {
            queuePathPrefix = queuePathPrefix.substring(1);
        }
        if (queuePathPrefix && !queueitHelpers_1.Utils.endsWith(queuePathPrefix, "/")) {
            queuePathPrefix += "/";
        }
        return "https://".concat(queueDomain).concat(queuePathPrefix).concat(uriPath, "?").concat(query);
    };
    UserInQueueService.prototype.validateQueueRequest = function (targetUrl, queueitToken, config, customerId, secretKey, apiKey) {
        return __awaiter(this, void 0, void 0, function () {
            var allWaitingRoomIds, queueTokenParams, state, tokenValidationOutput, hasValidToken, actionIsVerified, failedResult, _a, hasPassed, queueId, redirectType;
            var _b;
            return __generator(this, function (_c) {
                switch (_c.label) {
                    case 0:
                        allWaitingRoomIds = config.getAllWaitingRoomIds();
                        queueTokenParams = queueitHelpers_1.QueueParameterHelper.extractQueueParams(queueitToken);
                        state = this.userInQueueStateRepository.getState(allWaitingRoomIds, config.cookieValidityMinute, secretKey, true, models_1.ActionTypes.QueueAction);
                        tokenValidationOutput = this.validateToken(config, queueTokenParams, secretKey);
                        hasValidToken = (tokenValidationOutput === null || tokenValidationOutput === void 0 ? void 0 : tokenValidationOutput.result.isValid) == true;
                        if (!(config.verifyActionEnabled && (state.isValid || hasValidToken))) return [3 /*break*/, 2];
                        return [4 /*yield*/, this.incrementQueueIdUsageAndValidateVerifyAction(config, customerId, apiKey, state.isValid ? state.queueId : queueTokenParams.queueId)];
                    case 1:
                        actionIsVerified = _c.sent();
                        if (!actionIsVerified) {
                            if (state.isValid) {
                                this.cancelQueueState(config);
                            }
                            failedResult = queueitHelpers_1.SessionValidationResult.newFailedResult(InvalidTokenErrorCode.QueueIdUsageLimit);
                            return [2 /*return*/, this.getErrorResult(customerId, targetUrl, config, queueTokenParams, failedResult)];
                        }
                        _c.label = 2;
                    case 2:
                        if (state.isValid) {
                            return [2 /*return*/, this.handleQueueActionWithValidState(state, config, secretKey)];
                        }
                        if (hasValidToken) {
                            return [2 /*return*/, this.handleQueueActionWithValidToken(queueTokenParams, config, secretKey)];
                        }
                        // In case where there was a state (cookie) but it is no longer valid, we make sure to cancel (remove) it on response
                        if (state.isFound) {
                            this.cancelQueueState(config);
                        }
                        // Request has queue token in query string but it was not valid, so send to error
                        if (queueTokenParams) {
                            // Token provided was a debug token, which was previously verified
                            if (((_b = queueTokenParams.redirectType) === null || _b === void 0 ? void 0 : _b.toLowerCase()) !== "debug") {
                                return [2 /*return*/, this.getErrorResult(customerId, targetUrl, config, queueTokenParams, tokenValidationOutput.result)];
                            }
                        }
                        // state bound to another IP, send to error
                        if (state.isBoundToAnotherIp) {
                            return [2 /*return*/, this.getErrorResult(customerId, targetUrl, config, queueTokenParams, state.result)];
                        }
                        return [4 /*yield*/, this.tryDirectPass(customerId, config, secretKey)];
                    case 3:
                        _a = _c.sent(), hasPassed = _a.hasPassed, queueId = _a.queueId, redirectType = _a.redirectType;
                        if (hasPassed) {
                            return [2 /*return*/, new models_1.RequestValidationResult(models_1.ActionTypes.QueueAction, config.eventId, config.allowedWaitingRoomIds, queueId, null, redirectType, config.actionName)];
                        }
                        // no valid cookie and no token, send to queue
                        return [2 /*return*/, this.getQueueResult(targetUrl, config, customerId)];
                }
            });
        });
    };
    UserInQueueService.prototype.tryDirectPass = function (customerId, config, secretKey) {
        return __awaiter(this, void 0, void 0, function () {
            var directActionProvider, _a, disabled, proxyKey, settings, timeoutMillis, httpRequest, clientIp, userAgent, referer, protectedUrl, hasPassed, queueitToken, result, _b, queueId, redirectType, queueTokenParams, tokenValidationOutput;
            var _c;
            return __generator(this, function (_d) {
                switch (_d.label) {
                    case 0:
                        directActionProvider = this.contextProvider.getDirectActionProvider
                            ? this.contextProvider.getDirectActionProvider()
                            : null;
                        if (!directActionProvider) {
                            return [2 /*return*/, { hasPassed: false, queueId: null, redirectType: null }];
                        }
                        _a = directActionProvider.getSettings(), disabled = _a.disabled, proxyKey = _a.proxyKey, settings = _a.directPass;
                        if (disabled) {
                            if (this.debugService.isConnectorDiagnosticEnabled()) {
                                this.debugService.addDebugEntry("DirectActionDisabled", "true");
                            }
                            return [2 /*return*/, { hasPassed: false, queueId: null, redirectType: null }];
                        }
                        timeoutMillis = (settings === null || settings === void 0 ? void 0 : settings.timeoutMillis) && !isNaN(settings.timeoutMillis)
                            ? Math.min(5000, Math.max(800, settings.timeoutMillis))
                            : 3000;
                        if (this.debugService.isConnectorDiagnosticEnabled()) {
                            this.debugService.addDebugEntry("DirectPassTimeoutSetting", ((_c = settings.timeoutMillis) !== null && _c !== void 0 ? _c : "null").toString());
                            this.debugService.addDebugEntry("DirectPassTimeoutUsed", timeoutMillis.toString());
                        }
                        httpRequest = this.contextProvider.getHttpRequest();
                        clientIp = httpRequest.getUserHostAddress();
                        userAgent = httpRequest.getUserAgent();
                        referer = httpRequest.getHeader("Referer");
                        protectedUrl = httpRequest.getAbsoluteUri();
                        hasPassed = false;
                        queueitToken = null;
                        _d.label = 1;
                    case 1:
                        _d.trys.push([1, 3, , 4]);
                        return [4 /*yield*/, directActionProvider.tryDirectPass(customerId, config.eventId, config.actionName, protectedUrl, proxyKey, clientIp, userAgent, referer, timeoutMillis, UserInQueueService.SDK_VERSION, this.debugService)];
                    case 2:
                        result = _d.sent();
                        if (this.debugService.isConnectorDiagnosticEnabled()) {
                            this.debugService.addDebugEntry("DirectPassResult", result.hasPassed ? "HasPassed" : "NotPassed");
                        }
                        hasPassed = result.hasPassed;
                        queueitToken = result.queueitToken;
                        return [3 /*break*/, 4];
                    case 3:
                        _b = _d.sent();
                        queueId = null;
                        redirectType = "timeout";
                        this.userInQueueStateRepository.store(config.eventId, queueId, 3, config.cookieDomain, config.isCookieHttpOnly, config.isCookieSecure, redirectType, null, secretKey);
                        if (this.debugService.isConnectorDiagnosticEnabled()) {
                            this.debugService.addDebugEntry("DirectPassResult", "Timeout");
                        }
                        return [2 /*return*/, {
                                hasPassed: true,
                                queueId: queueId,
                                redirectType: redirectType
                            }];
                    case 4:
                        if (!hasPassed) {
                            return [2 /*return*/, { hasPassed: false, queueId: null, redirectType: null }];
                        }
                        queueTokenParams = queueitHelpers_1.QueueParameterHelper.extractQueueParams(queueitToken);
                        tokenValidationOutput = this.validateToken(config, queueTokenParams, secretKey);
                        // token should always be valid if direct pass is successful, but just in case we check it here as well
                        if ((tokenValidationOutput === null || tokenValidationOutput === void 0 ? void 0 : tokenValidationOutput.result.isValid) !== true) {
                            return [2 /*return*/, { hasPassed: false, queueId: null, redirectType: null }];
                        }
                        this.persistStateUsingToken(queueTokenParams, config, secretKey);
                        return [2 /*return*/, {
                                hasPassed: true,
                                queueId: queueTokenParams.queueId,
                                redirectType: queueTokenParams.redirectType
                            }];
                }
            });
        });
    };
    UserInQueueService.prototype.handleQueueActionWithValidState = function (state, config, secretKey) {
        if (state.isStateExtendable() && config.extendCookieValidity) {
            this.userInQueueStateRepository.store(state.waitingRoomId, state.queueId, null, config.cookieDomain, config.isCookieHttpOnly, config.isCookieSecure, state.redirectType, state.hashedIp, secretKey);
        }
        return new models_1.RequestValidationResult(models_1.ActionTypes.QueueAction, config.eventId, config.allowedWaitingRoomIds, state.queueId, null, state.redirectType, config.actionName);
    };
    UserInQueueService.prototype.handleQueueActionWithValidToken = function (queueTokenParams, config, secretKey) {
        this.persistStateUsingToken(queueTokenParams, config, secretKey);
        return new models_1.RequestValidationResult(models_1.ActionTypes.QueueAction, config.eventId, config.allowedWaitingRoomIds, queueTokenParams.queueId, null, queueTokenParams.redirectType, config.actionName);
    };
    UserInQueueService.prototype.incrementQueueIdUsageAndValidateVerifyAction = function (config, customerId, apiKey, queueId) {
        return __awaiter(this, void 0, void 0, function () {
            var verifyActionService, wasActionVerified;
            return __generator(this, function (_a) {
                switch (_a.label) {
                    case 0:
                        if (!queueId) {
                            return [2 /*return*/, true];
                        }
                        verifyActionService = this.contextProvider.getVerifyActionService();
                        if (!verifyActionService) {
                            throw new models_1.ConnectorException("Missing VerifyActionService");
                        }
                        return [4 /*yield*/, verifyActionService.verify(customerId, config.eventId, queueId, config.queueIdUsageLimit, apiKey, config.actionName)];
                    case 1:
                        wasActionVerified = _a.sent();
                        return [2 /*return*/, wasActionVerified];
                }
            });
        });
    };
    UserInQueueService.prototype.persistStateUsingToken = function (queueTokenParams, config, secretKey) {
        this.userInQueueStateRepository.store(queueTokenParams.eventId, queueTokenParams.queueId, queueTokenParams.cookieValidityMinutes, config.cookieDomain, config.isCookieHttpOnly, config.isCookieSecure, queueTokenParams.redirectType, queueTokenParams.hashedIp, secretKey);
    };
    UserInQueueService.prototype.cancelQueueState = function (config) {
        var allWaitingRoomIds = config.getAllWaitingRoomIds();
        this.userInQueueStateRepository.cancelQueueCookie(allWaitingRoomIds, config.cookieDomain, config.isCookieHttpOnly, config.isCookieSecure);
    };
    UserInQueueService.prototype.validateCancelRequest = function (targetUrl, config, customerId, secretKey) {
        // we do not care how long cookie is valid while canceling cookie
        var state = this.userInQueueStateRepository.getState(config.waitingRoomIds, -1, secretKey, false, models_1.ActionTypes.CancelAction);
        if (state.isValid) {
            this.cancelQueueState(config);
            var uriPath = "cancel/multiple/".concat(customerId);
            var query_1 = "wrl=";
            config.waitingRoomIds.forEach(function (waitingRoomId, index, array) {
                query_1 += "".concat(waitingRoomId);
                if (state.waitingRoomQueueIdPairs.has(waitingRoomId)) {
                    query_1 += "~".concat(state.waitingRoomQueueIdPairs.get(waitingRoomId));
                }
                if (index < array.length - 1) {
                    query_1 += "_";
                }
            });
            var encodedTargetUrl = queueitHelpers_1.Utils.encodeURIComponent(targetUrl);
            if (encodedTargetUrl) {
                query_1 += "&r=".concat(encodedTargetUrl);
            }
            var redirectUrl = this.generateRedirectUrl(config.queueDomain, config.queuePathPrefix, uriPath, query_1);
            return new models_1.RequestValidationResult(models_1.ActionTypes.CancelAction, null, config.waitingRoomIds, state.queueId, redirectUrl, state.redirectType, config.actionName);
        }
        else {
            return new models_1.RequestValidationResult(models_1.ActionTypes.CancelAction, null, config.waitingRoomIds, null, null, config.actionName, null);
        }
    };
    UserInQueueService.prototype.extendQueueCookie = function (eventId, cookieValidityMinutes, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey) {
        this.userInQueueStateRepository.reissueQueueCookie(eventId, cookieValidityMinutes, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey);
    };
    UserInQueueService.prototype.getIgnoreResult = function (actionName) {
        return new models_1.RequestValidationResult(models_1.ActionTypes.IgnoreAction, null, null, null, null, null, actionName);
    };
    UserInQueueService.prototype.validateToken = function (config, queueParams, secretKey) {
        var _a;
        if (!queueParams) {
            return null;
        }
        var calculatedHash = queueitHelpers_1.Utils.generateSHA256Hash(secretKey, queueParams.queueITTokenWithoutHash, this.contextProvider);
        if (calculatedHash !== queueParams.hashCode) {
            return new TokenValidationOutput(queueitHelpers_1.SessionValidationResult.newFailedResult(InvalidTokenErrorCode.Hash));
        }
        if (queueParams.eventId !== config.eventId && !(((_a = config.allowedWaitingRoomIds) === null || _a === void 0 ? void 0 : _a.indexOf(queueParams.eventId)) >= 0)) {
            return new TokenValidationOutput(queueitHelpers_1.SessionValidationResult.newFailedResult(InvalidTokenErrorCode.WaitingRoomId));
        }
        if (queueParams.timeStamp < queueitHelpers_1.Utils.getCurrentTime()) {
            return new TokenValidationOutput(queueitHelpers_1.SessionValidationResult.newFailedResult(InvalidTokenErrorCode.Expired));
        }
        var clientIp = this.contextProvider
            .getHttpRequest()
            .getUserHostAddress();
        if (queueParams.hashedIp && clientIp) {
            var expectedIpHash = queueitHelpers_1.Utils.generateSHA256Hash(secretKey, clientIp, this.contextProvider);
            if (expectedIpHash !== queueParams.hashedIp) {
                var newResult = queueitHelpers_1.SessionValidationResult.newFailedResult(InvalidTokenErrorCode.IpBindingMismatch);
                queueitHelpers_1.SessionValidationResult.setIpBindingValidationDetails(queueParams.hashedIp, clientIp, newResult);
                return new TokenValidationOutput(newResult);
            }
        }
        return new TokenValidationOutput(queueitHelpers_1.SessionValidationResult.newSuccessfulResult());
    };
    UserInQueueService.VERSION = "5.0.1";
    UserInQueueService.SDK_VERSION = "javascript-" + UserInQueueService.VERSION;
    return UserInQueueService;
}());
exports.UserInQueueService = UserInQueueService;
var TokenValidationOutput = /** @class */ (function () {
    function TokenValidationOutput(result) {
        this._result = result;
    }
    Object.defineProperty(TokenValidationOutput.prototype, "result", {
        get: function () {
            return this._result;
        },
        enumerable: false,
        configurable: true
    });
    return TokenValidationOutput;
}());

},{"./models":12,"./queueitHelpers":13}],15:[function(require,module,exports){
"use strict";
var __values = (this && this.__values) || function(o) {
    var s = typeof Symbol === "function" && Symbol.iterator, m = s && o[s], i = 0;
    if (m) return m.call(o);
    if (o && typeof o.length === "number") return {
        next: function () {
            if (o && i >= o.length) o = void 0;
            return { value: o && o[i++], done: !o };
        }
    };
    throw new TypeError(s ? "Object is not iterable." : "Symbol.iterator is not defined.");
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.CookieStateInfo = exports.UserInQueueStateCookieRepository = exports.QueueItAcceptedCookie = exports.CookieValidationResult = void 0;
var models_1 = require("./models");
var queueitHelpers_1 = require("./queueitHelpers");
var CookieValidationResult;
(function (CookieValidationResult) {
    CookieValidationResult[CookieValidationResult["NotFound"] = 0] = "NotFound";
    CookieValidationResult[CookieValidationResult["Expired"] = 1] = "Expired";
    CookieValidationResult[CookieValidationResult["WaitingRoomMismatch"] = 2] = "WaitingRoomMismatch";
    CookieValidationResult[CookieValidationResult["HashMismatch"] = 3] = "HashMismatch";
    CookieValidationResult[CookieValidationResult["Error"] = 4] = "Error";
    CookieValidationResult[CookieValidationResult["Valid"] = 5] = "Valid";
    CookieValidationResult[CookieValidationResult["IpBindingMismatch"] = 6] = "IpBindingMismatch";
})(CookieValidationResult || (exports.CookieValidationResult = CookieValidationResult = {}));
var QueueItAcceptedCookie = /** @class */ (function () {
    function QueueItAcceptedCookie(storedHash, issueTimeString, queueId, eventIdFromCookie, redirectType, fixedCookieValidityMinutes, hashedIp) {
        this.storedHash = storedHash;
        this.issueTimeString = issueTimeString;
        this.queueId = queueId;
        this.eventIdFromCookie = eventIdFromCookie;
        this.redirectType = redirectType;
        this.fixedCookieValidityMinutes = fixedCookieValidityMinutes;
        this.hashedIp = hashedIp;
    }
    QueueItAcceptedCookie.fromCookieHeader = function (cookieHeaderValue) {
        var cookieValueMap = queueitHelpers_1.CookieHelper.toMapFromValue(cookieHeaderValue);
        var storedHash = cookieValueMap[QueueItAcceptedCookie.HashKey] || "";
        var issueTimeString = cookieValueMap[QueueItAcceptedCookie.IssueTimeKey] || "";
        var queueId = cookieValueMap[QueueItAcceptedCookie.QueueIdKey] || "";
        var eventIdFromCookie = cookieValueMap[QueueItAcceptedCookie.EventIdKey] || "";
        var redirectType = cookieValueMap[QueueItAcceptedCookie.RedirectTypeKey] || "";
        var fixedCookieValidityMinutes = cookieValueMap[QueueItAcceptedCookie.FixedCookieValidityMinutesKey] || "";
        var hashedIpValue = cookieValueMap[QueueItAcceptedCookie.HashedIpKey] || "";
        return new QueueItAcceptedCookie(storedHash, issueTimeString, queueId, eventIdFromCookie, redirectType, fixedCookieValidityMinutes, hashedIpValue);
    };
    QueueItAcceptedCookie.HashKey = "Hash";
    QueueItAcceptedCookie.IssueTimeKey = "IssueTime";
    QueueItAcceptedCookie.QueueIdKey = "QueueId";
    QueueItAcceptedCookie.EventIdKey = "EventId";
    QueueItAcceptedCookie.RedirectTypeKey = "RedirectType";
    QueueItAcceptedCookie.FixedCookieValidityMinutesKey = "FixedValidityMins";
    QueueItAcceptedCookie.HashedIpKey = "Hip";
    return QueueItAcceptedCookie;
}());
exports.QueueItAcceptedCookie = QueueItAcceptedCookie;
var UserInQueueStateCookieRepository = /** @class */ (function () {
    function UserInQueueStateCookieRepository(contextProvider) {
        this.contextProvider = contextProvider;
    }
    UserInQueueStateCookieRepository.getCookieKey = function (eventId) {
        return "".concat(UserInQueueStateCookieRepository._QueueITDataKey, "_").concat(eventId);
    };
    UserInQueueStateCookieRepository.prototype.store = function (eventId, queueId, fixedCookieValidityMinutes, cookieDomain, isCookieHttpOnly, isCookieSecure, redirectType, hashedIp, secretKey) {
        isCookieHttpOnly = isCookieHttpOnly == null ? false : isCookieHttpOnly;
        isCookieSecure = isCookieSecure == null ? false : isCookieSecure;
        this.createCookie(eventId, queueId, fixedCookieValidityMinutes
            ? fixedCookieValidityMinutes.toString()
            : "", redirectType, hashedIp, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey);
    };
    UserInQueueStateCookieRepository.prototype.createCookie = function (eventId, queueId, fixedCookieValidityMinutes, redirectType, hashedIp, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey) {
        var cookieKey = UserInQueueStateCookieRepository.getCookieKey(eventId);
        var issueTime = queueitHelpers_1.Utils.getCurrentTime().toString();
        var cookieValues = new Array();
        cookieValues.push({
            key: QueueItAcceptedCookie.EventIdKey,
            value: eventId
        });
        if (queueId) {
            cookieValues.push({
                key: QueueItAcceptedCookie.QueueIdKey,
                value: queueId
            });
        }
        if (fixedCookieValidityMinutes) {
            cookieValues.push({
                key: QueueItAcceptedCookie.FixedCookieValidityMinutesKey,
                value: fixedCookieValidityMinutes
            });
        }
        cookieValues.push({
            key: QueueItAcceptedCookie.RedirectTypeKey,
            value: redirectType.toLowerCase()
        });
        cookieValues.push({
            key: QueueItAcceptedCookie.IssueTimeKey,
            value: issueTime
        });
        if (hashedIp) {
            cookieValues.push({
                key: QueueItAcceptedCookie.HashedIpKey,
                value: hashedIp
            });
        }
        cookieValues.push({
            key: QueueItAcceptedCookie.HashKey,
            value: this.generateHash(eventId.toLowerCase(), queueId, fixedCookieValidityMinutes, redirectType.toLowerCase(), issueTime, hashedIp, secretKey)
        });
        var tomorrow = new Date();
        tomorrow.setDate(tomorrow.getDate() + 1);
        var expire = Math.floor(tomorrow.getTime() / 1000);
        this.contextProvider
            .getHttpResponse()
            .setCookie(cookieKey, queueitHelpers_1.CookieHelper.toValueFromKeyValueCollection(cookieValues), cookieDomain, expire, isCookieHttpOnly, isCookieSecure);
    };
    UserInQueueStateCookieRepository.prototype.getState = function (waitingRoomIds, cookieValidityMinutes, secretKey, validateTime, actionType) {
        var e_1, _a;
        var validAcceptedCookieFound = false;
        var queueitAcceptedCookie = null;
        var cookieStateInfo = null;
        var waitingRoomQueueIdPairs = new Map();
        var clientIp = "";
        try {
            clientIp = this.contextProvider
                .getHttpRequest()
                .getUserHostAddress();
            try {
                for (var waitingRoomIds_1 = __values(waitingRoomIds), waitingRoomIds_1_1 = waitingRoomIds_1.next(); !waitingRoomIds_1_1.done; waitingRoomIds_1_1 = waitingRoomIds_1.next()) {
                    var waitingRoomId = waitingRoomIds_1_1.value;
                    var cookieKey = UserInQueueStateCookieRepository.getCookieKey(waitingRoomId);
                    var cookie = this.contextProvider
                        .getHttpRequest()
                        .getCookieValue(cookieKey);
                    if (!cookie) {
                        continue;
                    }
                    queueitAcceptedCookie = QueueItAcceptedCookie.fromCookieHeader(cookie);
                    var cookieValidationResult = this.isCookieValid(secretKey, queueitAcceptedCookie, waitingRoomId, cookieValidityMinutes, validateTime);
                    if (!validAcceptedCookieFound) {
                        cookieStateInfo = new CookieStateInfo(waitingRoomId, queueitAcceptedCookie.queueId, queueitAcceptedCookie.fixedCookieValidityMinutes
                            ? parseInt(queueitAcceptedCookie.fixedCookieValidityMinutes)
                            : null, queueitAcceptedCookie.redirectType, queueitAcceptedCookie.hashedIp, cookieValidationResult, queueitAcceptedCookie, clientIp, new Map());
                    }
                    if (cookieValidationResult == CookieValidationResult.Valid) {
                        validAcceptedCookieFound = true;
                        // Safety net redirects don't include queue id
                        if (queueitAcceptedCookie.queueId) {
                            waitingRoomQueueIdPairs.set(waitingRoomId, queueitAcceptedCookie.queueId);
                        }
                        // Queue Action only needs one valid state
                        if (actionType == models_1.ActionTypes.QueueAction) {
                            break;
                        }
                    }
                }
            }
            catch (e_1_1) { e_1 = { error: e_1_1 }; }
            finally {
                try {
                    if (waitingRoomIds_1_1 && !waitingRoomIds_1_1.done && (_a = waitingRoomIds_1.return)) _a.call(waitingRoomIds_1);
                }
                finally { if (e_1) throw e_1.error; }
            }
            if (cookieStateInfo) {
                cookieStateInfo.waitingRoomQueueIdPairs = waitingRoomQueueIdPairs;
                return cookieStateInfo;
            }
            return new CookieStateInfo(waitingRoomIds[0] || null, "", null, "", null, CookieValidationResult.NotFound, null, clientIp, null);
        }
        catch (_b) {
            return new CookieStateInfo("", "", null, "", queueitAcceptedCookie === null || queueitAcceptedCookie === void 0 ? void 0 : queueitAcceptedCookie.hashedIp, CookieValidationResult.Error, queueitAcceptedCookie, clientIp, null);
        }
    };
    UserInQueueStateCookieRepository.prototype.isCookieValid = function (secretKey, cookie, eventId, cookieValidityMinutes, validateTime) {
        try {
            var expectedHash = this.generateHash(cookie.eventIdFromCookie, cookie.queueId, cookie.fixedCookieValidityMinutes, cookie.redirectType, cookie.issueTimeString, cookie.hashedIp, secretKey);
            if (expectedHash !== cookie.storedHash) {
                return CookieValidationResult.HashMismatch;
            }
            if (eventId.toLowerCase() !== cookie.eventIdFromCookie.toLowerCase()) {
                return CookieValidationResult.WaitingRoomMismatch;
            }
            if (validateTime) {
                var validity = cookie.fixedCookieValidityMinutes
                    ? parseInt(cookie.fixedCookieValidityMinutes)
                    : cookieValidityMinutes;
                var expirationTime = parseInt(cookie.issueTimeString) + validity * 60;
                if (expirationTime < queueitHelpers_1.Utils.getCurrentTime()) {
                    return CookieValidationResult.Expired;
                }
            }
            var userHostAddress = this.contextProvider
                .getHttpRequest()
                .getUserHostAddress();
            if (cookie.hashedIp && userHostAddress) {
                var hashedUserHostAddress = queueitHelpers_1.Utils.generateSHA256Hash(secretKey, userHostAddress, this.contextProvider);
                if (cookie.hashedIp !== hashedUserHostAddress) {
                    return CookieValidationResult.IpBindingMismatch;
                }
            }
            return CookieValidationResult.Valid;
        }
        catch (_a) {
            return CookieValidationResult.Error;
        }
    };
    UserInQueueStateCookieRepository.prototype.cancelQueueCookie = function (waitingRoomIds, cookieDomain, isCookieHttpOnly, isCookieSecure) {
        var e_2, _a;
        var httpRequest = this.contextProvider.getHttpRequest();
        var httpResponse = this.contextProvider.getHttpResponse();
        try {
            for (var waitingRoomIds_2 = __values(waitingRoomIds), waitingRoomIds_2_1 = waitingRoomIds_2.next(); !waitingRoomIds_2_1.done; waitingRoomIds_2_1 = waitingRoomIds_2.next()) {
                var waitingRoomId = waitingRoomIds_2_1.value;
                var cookieKey = UserInQueueStateCookieRepository.getCookieKey(waitingRoomId);
                var cookieExistsInRequest = false;
                try {
                    cookieExistsInRequest = Boolean(httpRequest.getCookieValue(cookieKey));
                }
                catch ( /* supress */_b) { /* supress */ }
                if (cookieExistsInRequest) {
                    httpResponse.setCookie(cookieKey, "", cookieDomain, 0, isCookieHttpOnly, isCookieSecure);
                }
            }
        }
        catch (e_2_1) { e_2 = { error: e_2_1 }; }
        finally {
            try {
                if (waitingRoomIds_2_1 && !waitingRoomIds_2_1.done && (_a = waitingRoomIds_2.return)) _a.call(waitingRoomIds_2);
            }
            finally { if (e_2) throw e_2.error; }
        }
    };
    UserInQueueStateCookieRepository.prototype.reissueQueueCookie = function (eventId, cookieValidityMinutes, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey) {
        var cookieKey = UserInQueueStateCookieRepository.getCookieKey(eventId);
        var cookie = this.contextProvider
            .getHttpRequest()
            .getCookieValue(cookieKey);
        if (!cookie) {
            return;
        }
        var qitAcceptedCookie = QueueItAcceptedCookie.fromCookieHeader(cookie);
        if (!this.isCookieValid(secretKey, qitAcceptedCookie, eventId, cookieValidityMinutes, true)) {
            return;
        }
        var fixedCookieValidityMinutes = "";
        if (qitAcceptedCookie.fixedCookieValidityMinutes) {
            fixedCookieValidityMinutes =
                qitAcceptedCookie.fixedCookieValidityMinutes.toString();
        }
        this.createCookie(eventId, qitAcceptedCookie.queueId, fixedCookieValidityMinutes, qitAcceptedCookie.redirectType, qitAcceptedCookie.hashedIp, cookieDomain, isCookieHttpOnly, isCookieSecure, secretKey);
    };
    UserInQueueStateCookieRepository.prototype.generateHash = function (eventId, queueId, fixedCookieValidityMinutes, redirectType, issueTime, hashedIp, secretKey) {
        var valueToHash = eventId +
            (queueId ? queueId : "") +
            (fixedCookieValidityMinutes ? fixedCookieValidityMinutes : "") +
            redirectType +
            issueTime +
            (hashedIp ? hashedIp : "");
        return queueitHelpers_1.Utils.generateSHA256Hash(secretKey, valueToHash, this.contextProvider);
    };
    UserInQueueStateCookieRepository._QueueITDataKey = "QueueITAccepted-SDFrts345E-V3";
    return UserInQueueStateCookieRepository;
}());
exports.UserInQueueStateCookieRepository = UserInQueueStateCookieRepository;
var CookieStateInfo = /** @class */ (function () {
    function CookieStateInfo(waitingRoomId, queueId, fixedCookieValidityMinutes, redirectType, hashedIp, cookieValidationResult, cookie, clientIp, waitingRoomQueueIdPairs) {
        this.waitingRoomId = waitingRoomId;
        this.queueId = queueId;
        this.fixedCookieValidityMinutes = fixedCookieValidityMinutes;
        this.redirectType = redirectType;
        this.hashedIp = hashedIp;
        this.cookieValidationResult = cookieValidationResult;
        this.cookie = cookie;
        this.clientIp = clientIp;
        this.waitingRoomQueueIdPairs = waitingRoomQueueIdPairs;
    }
    Object.defineProperty(CookieStateInfo.prototype, "isValid", {
        get: function () {
            return this.cookieValidationResult === CookieValidationResult.Valid;
        },
        enumerable: false,
        configurable: true
    });
    Object.defineProperty(CookieStateInfo.prototype, "isFound", {
        get: function () {
            return this.cookieValidationResult !== CookieValidationResult.NotFound;
        },
        enumerable: false,
        configurable: true
    });
    Object.defineProperty(CookieStateInfo.prototype, "isBoundToAnotherIp", {
        get: function () {
            return this.cookieValidationResult === CookieValidationResult.IpBindingMismatch;
        },
        enumerable: false,
        configurable: true
    });
    CookieStateInfo.prototype.isStateExtendable = function () {
        return this.isValid && !this.fixedCookieValidityMinutes;
    };
    Object.defineProperty(CookieStateInfo.prototype, "result", {
        get: function () {
            if (this.isValid) {
                return queueitHelpers_1.SessionValidationResult.newSuccessfulResult();
            }
            var result = queueitHelpers_1.SessionValidationResult.newFailedResult(queueitHelpers_1.ErrorCode.CookieSessionState);
            switch (this.cookieValidationResult) {
                case CookieValidationResult.HashMismatch:
                    queueitHelpers_1.SessionValidationResult.setHashMismatchDetails(this.cookie.storedHash, result);
                    break;
                case CookieValidationResult.Expired:
                    queueitHelpers_1.SessionValidationResult.setExpiredResultDetails(result);
                    break;
                case CookieValidationResult.Error:
                    queueitHelpers_1.SessionValidationResult.setErrorDetails();
                    break;
                case CookieValidationResult.NotFound:
                    break;
                case CookieValidationResult.IpBindingMismatch:
                    queueitHelpers_1.SessionValidationResult.setIpBindingValidationDetails(this.cookie.hashedIp, this.clientIp, result);
                    break;
            }
            if (this.isFound) {
                if (this.redirectType) {
                    result.details.r = this.redirectType;
                }
                if (this.queueId) {
                    result.details.q = this.queueId;
                }
                result.details.st = Date.now().toString();
            }
            return result;
        },
        enumerable: false,
        configurable: true
    });
    return CookieStateInfo;
}());
exports.CookieStateInfo = CookieStateInfo;

},{"./models":12,"./queueitHelpers":13}],16:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.TokenOrigin = void 0;
var TokenOrigin;
(function (TokenOrigin) {
    TokenOrigin[TokenOrigin["Connector"] = 0] = "Connector";
    TokenOrigin[TokenOrigin["InviteOnly"] = 1] = "InviteOnly";
})(TokenOrigin = exports.TokenOrigin || (exports.TokenOrigin = {}));

},{}],17:[function(require,module,exports){
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.QueueITDebugKey = exports.NormalizationPipeline = exports.DefaultNormalizationProvider = exports.DefaultUrlNormalizationStep = exports.Utils = exports.QueueUrlParams = exports.QueueParameterHelper = exports.ActionTypes = exports.MissingSha256ImplementationException = exports.ConnectorException = exports.RequestValidationResult = exports.CancelEventConfig = exports.QueueEventConfig = exports.KnownUser = exports.UserInQueueService = exports.VerifyActionResultDTO = exports.BaseVerifyActionService = exports.DefaultEnqueueTokenProvider = void 0;
var defaultEnqueueTokenProvider_1 = require("./defaultEnqueueTokenProvider");
Object.defineProperty(exports, "DefaultEnqueueTokenProvider", { enumerable: true, get: function () { return defaultEnqueueTokenProvider_1.DefaultEnqueueTokenProvider; } });
var baseVerifyActionService_1 = require("./VerifyAction/baseVerifyActionService");
Object.defineProperty(exports, "BaseVerifyActionService", { enumerable: true, get: function () { return baseVerifyActionService_1.BaseVerifyActionService; } });
var verifyActionResultDTO_1 = require("./VerifyAction/verifyActionResultDTO");
Object.defineProperty(exports, "VerifyActionResultDTO", { enumerable: true, get: function () { return verifyActionResultDTO_1.VerifyActionResultDTO; } });
var userInQueueService_1 = require("./userInQueueService");
Object.defineProperty(exports, "UserInQueueService", { enumerable: true, get: function () { return userInQueueService_1.UserInQueueService; } });
var knownUser_1 = require("./knownUser");
Object.defineProperty(exports, "KnownUser", { enumerable: true, get: function () { return knownUser_1.KnownUser; } });
var models_1 = require("./models");
Object.defineProperty(exports, "QueueEventConfig", { enumerable: true, get: function () { return models_1.QueueEventConfig; } });
Object.defineProperty(exports, "CancelEventConfig", { enumerable: true, get: function () { return models_1.CancelEventConfig; } });
Object.defineProperty(exports, "RequestValidationResult", { enumerable: true, get: function () { return models_1.RequestValidationResult; } });
Object.defineProperty(exports, "ConnectorException", { enumerable: true, get: function () { return models_1.ConnectorException; } });
Object.defineProperty(exports, "MissingSha256ImplementationException", { enumerable: true, get: function () { return models_1.MissingSha256ImplementationException; } });
Object.defineProperty(exports, "ActionTypes", { enumerable: true, get: function () { return models_1.ActionTypes; } });
var queueitHelpers_1 = require("./queueitHelpers");
Object.defineProperty(exports, "QueueParameterHelper", { enumerable: true, get: function () { return queueitHelpers_1.QueueParameterHelper; } });
Object.defineProperty(exports, "QueueUrlParams", { enumerable: true, get: function () { return queueitHelpers_1.QueueUrlParams; } });
Object.defineProperty(exports, "Utils", { enumerable: true, get: function () { return queueitHelpers_1.Utils; } });
// Normalization
var defaultUrlNormalizationStep_1 = require("./Normalization/defaultUrlNormalizationStep");
Object.defineProperty(exports, "DefaultUrlNormalizationStep", { enumerable: true, get: function () { return defaultUrlNormalizationStep_1.DefaultUrlNormalizationStep; } });
var defaultNormalizationProvider_1 = require("./Normalization/defaultNormalizationProvider");
Object.defineProperty(exports, "DefaultNormalizationProvider", { enumerable: true, get: function () { return defaultNormalizationProvider_1.DefaultNormalizationProvider; } });
var normalizationPipeline_1 = require("./Normalization/normalizationPipeline");
Object.defineProperty(exports, "NormalizationPipeline", { enumerable: true, get: function () { return normalizationPipeline_1.NormalizationPipeline; } });
var Debugging_1 = require("./Debugging");
Object.defineProperty(exports, "QueueITDebugKey", { enumerable: true, get: function () { return Debugging_1.QueueITDebugKey; } });

},{"./Debugging":2,"./Normalization/defaultNormalizationProvider":5,"./Normalization/defaultUrlNormalizationStep":6,"./Normalization/normalizationPipeline":7,"./VerifyAction/baseVerifyActionService":8,"./VerifyAction/verifyActionResultDTO":9,"./defaultEnqueueTokenProvider":10,"./knownUser":11,"./models":12,"./queueitHelpers":13,"./userInQueueService":14}]},{},[17])(17)
});
